"""Sending in the name of a caller: what every API does before `services.send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from live_inbox.errors import Forbidden
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.identity.scopes import Right, require
from live_inbox.send_policy import check_may_send, may_send
from live_inbox.services.given_references import named_user
from live_inbox.services.results import Sent
from live_inbox.services.schedule_quota import check_may_schedule
from live_inbox.services.send_rate import take_recipient, take_sends
from live_inbox.services.sending import send
from live_inbox.services.users import user_key

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


def check_may_name(
    caller: AbstractUser, actor: object, *, scopes: frozenset[str] = frozenset()
) -> None:
    """Raise Forbidden for an actor who is a user to whom the caller may not send.

    The notification shows the name of the user, and who does not exist is told from who does.
    """
    named = named_user(actor)
    if named is not None and not may_send(caller, recipient_id=str(named), scopes=scopes):
        raise Forbidden("You may not name this user as the actor.")


def send_for_caller(
    caller: Caller, *, recipient_id: Any, is_fresh: bool = False, **content: Any
) -> Sent:
    """Send as `services.send` does, in the caller's name, if the rates and the policy allow it.

    Raises RateLimited, AuthenticationFailed and Forbidden beside what `services.send` raises. The rate comes
    first: a caller who may not send costs a query to find that out. A repeated send returns its first result also if
    it would not be allowed any more. `is_fresh`: whether the caller's row has just been read.
    """
    take_sends(caller)
    require(caller.scopes, Right.SEND)
    # The caller of a socket may be hours old, and Django keeps permissions with the row.
    caller = caller if is_fresh else refresh_caller(caller)
    user = cast("AbstractUser", caller.user)
    # Also for repeated calls: which users exist is nobody's business.
    check_may_name(user, content.get("actor"), scopes=caller.scopes)

    def authorize() -> None:
        check_may_send(user, recipient_id=str(recipient_id), scopes=caller.scopes)
        # By the key: there may be several texts for it, such as those of a UUID.
        take_recipient(str(user_key(recipient_id, field="recipient_id")))
        if content.get("deliver_at") is not None:
            check_may_schedule(caller)

    return send(
        recipient_id=recipient_id, sender_id=user.pk, authorize=authorize, known=user, **content
    )
