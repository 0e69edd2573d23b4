"""How fast a caller may send, and how fast a user may be sent to."""

from __future__ import annotations

from collections.abc import Collection

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput, RateLimited
from live_inbox.identity.callers import Caller
from live_inbox.identity.scopes import may_send_to_anyone
from live_inbox.services.rates import limiter


def take_sends(caller: Caller, *, count: int = 1, field: str = "recipient_id") -> None:
    """Take `count` sends from the caller's allowance. A service, whose token may send to anybody, has its own rate.

    Raises RateLimited, and InvalidInput with the field for more sends than the allowance ever has.
    """
    settings = inbox_settings()
    is_service = may_send_to_anyone(caller.scopes)
    name = "service" if is_service else "sender"
    rate = settings.service_send_rate if is_service else settings.send_rate
    sends = limiter(name, rate)
    most = sends.limit.burst
    if count > most:
        raise InvalidInput(f"You may send to {most} recipients at a time at most.", field=field)
    retry_after = sends.check(caller.user_id, count)
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("send").inc()
        raise RateLimited("You send too fast.", retry_after=retry_after)


def take_recipient(recipient_id: str) -> None:
    """Take a send to a user from what this user may be sent over the APIs. Raises RateLimited.

    Only for callers who may send to them: nobody else may use up what others need.
    """
    retry_after = limiter("recipient", inbox_settings().recipient_rate).check(recipient_id)
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("recipient").inc()
        raise RateLimited(
            "This user is sent too many notifications at the moment.", retry_after=retry_after
        )


def take_recipients(recipient_ids: Collection[str]) -> set[str]:
    """Do the same for many users; return those who may not be sent to now."""
    recipients = limiter("recipient", inbox_settings().recipient_rate)
    refused = {each for each in recipient_ids if recipients.check(each) is not None}
    if refused:
        metrics.RATE_LIMITED.labels("recipient").inc(len(refused))
    return refused
