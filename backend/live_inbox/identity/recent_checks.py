"""Tokens whose accounts were read a moment ago and found in order, so that not each request reads the account again.

What ends access in this process, or is announced by another, makes every token be checked again. What nobody
announces is noticed when the time is over: see ACCOUNT_CHECK_SECONDS.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST = 4096


@dataclass(frozen=True, slots=True)
class Check:
    """A reading of an account, from before its beginning."""

    began_at: float
    """By the monotonic clock: what the database says afterwards was true then or later."""
    period: object
    """The time between two changes of accounts: a reading counts only in the one in which it began."""


class RecentChecks:
    """The tokens that were checked last.

    Threads may share it: changes of accounts come from those of the database.
    """

    def __init__(self, monotonic: Callable[[], float], most: int = MOST) -> None:
        self._monotonic = monotonic
        self._most = most
        self._checks: OrderedDict[str, Check] = OrderedDict()
        self._period = object()

    def __len__(self) -> int:
        return len(self._checks)

    def begin(self) -> Check:
        """Return what to `put` when the account has been read; to be called before that begins."""
        # In this order: a change between the two makes the check older than it is, and never younger.
        period = self._period
        return Check(self._monotonic(), period)

    def put(self, token: str, check: Check) -> None:
        """Remember that the account of a token is in order."""
        if check.period is not self._period:
            return
        # Another thread may replace it.
        checks = self._checks
        checks.pop(token, None)
        checks[token] = check
        if len(checks) > self._most:
            checks.popitem(last=False)

    def has(self, token: str, seconds: float) -> bool:
        """Whether a token was checked less than so many seconds ago, and no account has changed since."""
        check = self._checks.get(token)
        if check is None or check.period is not self._period:
            return False
        return self._monotonic() - check.began_at < seconds

    def forget(self) -> None:
        """Forget all: an account has changed."""
        self._period = object()
        self._checks = OrderedDict()
