"""Sending on behalf of a caller: what every door does before `services.send`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from django.contrib.auth import get_user_model

from backend import metrics
from backend.config import config
from backend.limits.keyed import KeyedLimiter
from backend.limits.rate import RateLimit
from backend.notifications import services
from backend.notifications.errors import Forbidden, RateLimited
from backend.notifications.policy import check_may_send

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AbstractUser


class SendingCaller(Protocol):
    """What matters here of the caller."""

    @property
    def user(self) -> AbstractBaseUser: ...
    @property
    def user_id(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...


@lru_cache(maxsize=4)
def _limiter(rate: str) -> KeyedLimiter:
    return KeyedLimiter(RateLimit.parse(rate))


def send_for(caller: SendingCaller, *, recipient_id: Any, **content: Any) -> services.Sent:
    """Send as `services.send` does, in the caller's name, if their rate and the policy allow it.

    Raises RateLimited and Forbidden beside what `services.send` raises. The rate comes first: a caller who may
    not send costs a query to find that out.
    """
    retry_after = _limiter(config().send_rate).check(caller.user_id)
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("send").inc()
        raise RateLimited("You send too fast.", retry_after=retry_after)
    check_may_send(_fresh(caller), recipient_id=str(recipient_id), scopes=caller.scopes)
    return services.send(recipient_id=recipient_id, sender_id=caller.user.pk, **content)


def _fresh(caller: SendingCaller) -> AbstractUser:
    """Return the caller's user as it is now: a socket may be days old, and permissions are cached on the row."""
    users = get_user_model()._default_manager
    user = users.filter(pk=caller.user.pk, is_active=True).first()
    if user is None:
        raise Forbidden("Your account is not active.")
    return cast("AbstractUser", user)
