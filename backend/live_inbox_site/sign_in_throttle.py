"""Limits attempts to sign in with a password, of one address and for one name, against guessing (brute force).

Counted in this process, before the password is looked at: to hash one is work, too.
"""

from __future__ import annotations

import functools
import math
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from live_inbox import metrics
from live_inbox.client_addresses import client_key, is_within, parse_address
from live_inbox.faults import RecurringFault
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox_site.environment import site_settings

LONGEST_NAME = 254
MOST_KNOWN = 10_000
"""Pairs of an address and a name that are remembered."""

View = Callable[..., HttpResponseBase]


class TooManyAttempts(Exception):
    """Logged, once a minute at most, when attempts are refused."""


class SignInThrottle:
    """The attempts of one process. Thread-safe.

    Who fails for somebody else's name uses up what that name is allowed. So an address from which its user has signed
    in before has an allowance of its own for the name.
    """

    def __init__(
        self,
        per_address: RateLimit,
        per_name: RateLimit,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._addresses = KeyedLimiter(per_address, clock=clock)
        self._names = KeyedLimiter(per_name, clock=clock)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, address: str | None, name: str) -> float | None:
        """Count an attempt and return None, or return the seconds to wait. `address` is None for one without limit."""
        if address is not None:
            wait = self._addresses.check(address)
            if wait is not None:
                return wait
        folded = _folded(name)
        pair = (address or "", folded)
        with self._lock:
            key: Hashable = pair if pair in self._known else folded
        return self._names.check(key)

    def succeeded(self, address: str | None, name: str) -> None:
        """Remember that the user of this name has signed in from here."""
        pair = (address or "", _folded(name))
        with self._lock:
            self._known[pair] = None
            self._known.move_to_end(pair)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name[:LONGEST_NAME]).casefold().strip()


_fault = RecurringFault("signing in", metrics.RATE_LIMITED.labels("sign_in"))


@lru_cache(maxsize=1)
def sign_in_throttle() -> SignInThrottle:
    """Return the throttle of this process."""
    settings = site_settings()
    return SignInThrottle(
        RateLimit.parse(settings.sign_in_rate_per_address),
        RateLimit.parse(settings.sign_in_rate_per_name),
    )


def throttled(view: View) -> View:
    """Return the view of a form with the field `username`, which answers 429 to too many attempts."""

    @functools.wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        address, name = _address(request), request.POST.get("username", "")
        wait = sign_in_throttle().attempt(address, name)
        if wait is not None:
            _fault.report(TooManyAttempts(f"the last one was from {address or 'this machine'}"))
            return _refusal(wait)
        response = view(request, *args, **kwargs)
        if request.user.is_authenticated:
            sign_in_throttle().succeeded(address, name)
        return response

    return limited


def _address(request: HttpRequest) -> str | None:
    """Return what the caller is counted by; None if the limits of one address do not apply."""
    address = parse_address(request.META.get("REMOTE_ADDR"))
    if address is None or is_within(address, site_settings().unlimited_networks):
        return None
    return client_key(address)


def _refusal(wait: float) -> HttpResponse:
    seconds = math.ceil(wait)
    return HttpResponse(
        f"Too many attempts to sign in. Try again in {seconds} seconds.\n",
        status=429,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(seconds), "Cache-Control": "no-store"},
    )
