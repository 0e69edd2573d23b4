"""Cancelling in the name of a caller: what an API does before `services.cancel`."""

from __future__ import annotations

from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.scopes import Right, require
from live_inbox.models import ScheduledSend
from live_inbox.services.change_rate import take_change
from live_inbox.services.scheduling import cancel
from live_inbox.services.sent_access import check_may_change


def cancel_for_caller(
    caller: Caller, *, scheduled_id: int | None = None, idempotency_key: str | None = None
) -> bool:
    """Cancel as `services.cancel` does, what the caller has scheduled or may change; keys are the caller's own.

    Returns False for what is not the caller's, as for what is not there. It counts as a change. Raises RateLimited,
    AuthenticationFailed and Forbidden beside what `services.cancel` raises.
    """
    take_change(caller)
    require(caller.scopes, Right.SEND)
    caller = refresh_caller(caller)

    def authorize(row: ScheduledSend) -> None:
        check_may_change(caller, sender_id=row.sender_id, recipient_id=row.recipient_id)

    return cancel(
        scheduled_id=scheduled_id,
        sender_id=None if idempotency_key is None else caller.user.pk,
        idempotency_key=idempotency_key,
        authorize=authorize,
    )
