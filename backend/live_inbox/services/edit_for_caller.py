"""Editing in the name of a caller: what an API does before `services.edit`."""

from __future__ import annotations

from typing import Any

from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.scopes import Right, require
from live_inbox.models import Notification
from live_inbox.services.editing import edit
from live_inbox.services.results import Changed
from live_inbox.services.send_rate import take_recipient, take_sends
from live_inbox.services.sent_access import check_may_change


def edit_for_caller(
    caller: Caller,
    *,
    notification_id: int | None = None,
    idempotency_key: str | None = None,
    **content: Any,
) -> Changed:
    """Edit as `services.edit` does, what the caller has sent or may change; keys are the caller's own.

    An edit counts as a send, for the caller's rate and for the recipient's. Raises RateLimited, AuthenticationFailed
    and Forbidden beside what `services.edit` raises.
    """
    take_sends(caller)
    require(caller.scopes, Right.SEND)
    caller = refresh_caller(caller)

    def authorize(sent: Notification) -> None:
        check_may_change(caller, sender_id=sent.sender_id, recipient_id=sent.recipient_id)
        take_recipient(str(sent.recipient_id))

    return edit(
        notification_id=notification_id,
        sender_id=None if idempotency_key is None else caller.user.pk,
        idempotency_key=idempotency_key,
        authorize=authorize,
        **content,
    )
