"""Sending in the name of a caller: what every API does before `services.send`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.identity.callers import Caller, refresh_caller
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.send_policy import check_may_send
from live_inbox.services.results import Sent
from live_inbox.services.sending import send

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


@lru_cache(maxsize=4)
def _limiter(rate: str) -> KeyedLimiter:
    return KeyedLimiter(RateLimit.parse(rate))


def send_for_caller(caller: Caller, *, recipient_id: Any, **content: Any) -> Sent:
    """Send as `services.send` does, in the caller's name, if their rate and the policy allow it.

    Raises RateLimited, AuthenticationFailed and Forbidden beside what `services.send` raises. The rate comes
    first: a caller who may not send costs a query to find that out.
    """
    retry_after = _limiter(inbox_settings().send_rate).check(caller.user_id)
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("send").inc()
        raise RateLimited("You send too fast.", retry_after=retry_after)
    # The caller of a socket may be hours old, and Django keeps permissions with the row.
    user = cast("AbstractUser", refresh_caller(caller).user)
    check_may_send(user, recipient_id=str(recipient_id), scopes=caller.scopes)
    return send(recipient_id=recipient_id, sender_id=user.pk, **content)
