"""How fast a caller may change their own inbox: marks, deletions, preferences."""

from __future__ import annotations

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.identity.callers import InboxOwner
from live_inbox.services.rates import limiter


def take_change(caller: InboxOwner) -> None:
    """Take one change from the user's allowance, whatever device or API it comes from. Raises RateLimited."""
    retry_after = limiter("change", inbox_settings().change_rate).check(caller.user_id)
    if retry_after is not None:
        metrics.RATE_LIMITED.labels("change").inc()
        raise RateLimited("You change your inbox too fast.", retry_after=retry_after)
