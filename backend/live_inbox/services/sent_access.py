"""Who may change what was sent: its sender, and whoever may send to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from live_inbox.errors import NotFound
from live_inbox.identity.callers import Caller
from live_inbox.identity.scopes import may_send_to_anyone
from live_inbox.send_policy import has_permission, may_send

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


def check_may_change(caller: Caller, *, sender_id: Any, recipient_id: Any) -> None:
    """Raise NotFound for what a caller has not sent, and may not change as one who sends to everybody.

    To send to its recipient is not enough: everybody may send to themselves, and must not edit what others have sent
    them. The error is that for a number which does not exist: numbers of others say nothing.
    """
    if sender_id is not None and sender_id == caller.user.pk:
        return
    user: AbstractUser = caller.user  # type: ignore[assignment]
    sends_to_others = may_send_to_anyone(caller.scopes) or has_permission(
        user, "live_inbox.send_notification"
    )
    if not sends_to_others or not may_send(
        user, recipient_id=str(recipient_id), scopes=caller.scopes
    ):
        raise NotFound("There is no such notification.")
