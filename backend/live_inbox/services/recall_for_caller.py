"""Recalling in the name of a caller: what an API does before `services.recall`."""

from __future__ import annotations

from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.scopes import Right, require
from live_inbox.models import Notification
from live_inbox.services.recalling import recall
from live_inbox.services.send_rate import take_sends
from live_inbox.services.sent_access import check_may_change


def recall_for_caller(
    caller: Caller, *, notification_id: int | None = None, idempotency_key: str | None = None
) -> bool:
    """Recall as `services.recall` does, what the caller has sent or may change; keys are the caller's own.

    Returns False for what is not the caller's, as for what is not there. It counts as a send. Raises RateLimited,
    AuthenticationFailed and Forbidden beside what `services.recall` raises.
    """
    take_sends(caller)
    require(caller.scopes, Right.SEND)
    caller = refresh_caller(caller)

    def authorize(sent: Notification) -> None:
        check_may_change(caller, sender_id=sent.sender_id, recipient_id=sent.recipient_id)

    return recall(
        notification_id=notification_id,
        sender_id=None if idempotency_key is None else caller.user.pk,
        idempotency_key=idempotency_key,
        authorize=authorize,
    )
