"""Sending in the name of a caller: what every API does before `services.send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from live_inbox import database
from live_inbox.content import clean_key
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.models import Notification
from live_inbox.send_policy import check_may_send
from live_inbox.services.results import Sent
from live_inbox.services.send_rate import take_recipient, take_sends
from live_inbox.services.sending import send
from live_inbox.services.users import user_key

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


def send_for_caller(caller: Caller, *, recipient_id: Any, **content: Any) -> Sent:
    """Send as `services.send` does, in the caller's name, if the rates and the policy allow it.

    Raises RateLimited, AuthenticationFailed and Forbidden beside what `services.send` raises. The rate comes
    first: a caller who may not send costs a query to find that out.
    """
    take_sends(caller)
    # The caller of a socket may be hours old, and Django keeps permissions with the row.
    user = cast("AbstractUser", refresh_caller(caller).user)
    check_may_send(user, recipient_id=str(recipient_id), scopes=caller.scopes)
    if not _is_repeated(user.pk, clean_key(content.get("idempotency_key"))):
        # By the key: there may be several texts for it, such as those of a UUID.
        take_recipient(str(user_key(recipient_id, field="recipient_id")))
    return send(recipient_id=recipient_id, sender_id=user.pk, **content)


@database.reading
def _is_repeated(sender_id: Any, key: str | None) -> bool:
    """Whether a call with this key has sent already: nothing is sent by this one."""
    if key is None:
        return False
    sent = database.queryset(Notification).filter(sender=sender_id, idempotency_key=key)
    return sent.exists()
