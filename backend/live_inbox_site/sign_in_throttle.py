"""Limits attempts to sign in with a password, of one address and for one name, against guessing (brute force).

Counted in each process and then in all together, before the password is looked at: to hash one is work, too.
"""

from __future__ import annotations

import functools
import hashlib
import math
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from live_inbox import metrics
from live_inbox.client_addresses import limit_key
from live_inbox.faults import RecurringFault
from live_inbox.limits.keyed import KeyedLimiter
from live_inbox.limits.rate import RateLimit
from live_inbox.limits.shared import SharedRates
from live_inbox.request_addresses import client_of_request
from live_inbox.services.rates import shared_rates
from live_inbox_site.environment import site_settings
from live_inbox_site.sign_in_turns import WAIT_SECONDS, sign_in_turns

LONGEST_NAME = 254
MOST_KNOWN = 10_000
"""Pairs of a name and an address that one process remembers."""

KNOWN_SECONDS = 30 * 86_400
"""How long all processes remember such a pair, where they share a storage."""

_KNOWN = "has signed in from"

View = Callable[..., HttpResponseBase]


class TooManyAttempts(Exception):
    """Logged, once a minute at most, when attempts are refused."""


class SignInThrottle:
    """The attempts in one process, and in all. Thread-safe; an attempt may wait for the storage that all share.

    Who fails for somebody else's name uses up what that name is allowed. So an address from which its user has signed
    in before has an allowance of its own for the name.
    """

    def __init__(
        self,
        per_address: RateLimit,
        per_name: RateLimit,
        *,
        shared: SharedRates,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._addresses = KeyedLimiter(per_address, clock=clock)
        self._names = KeyedLimiter(per_name, clock=clock)
        self._shared = shared
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, address: str | None, name: str) -> float | None:
        """Count an attempt and return None, or return the seconds to wait. `address` is None for one without limit."""
        if address is not None:
            wait = self._take(self._addresses, "sign in from", address)
            if wait is not None:
                return wait
        if self.is_known(address, name):
            return self._take(self._names, "sign in as, from", _digest(name), address or "")
        return self._take(self._names, "sign in as", _digest(name))

    def is_known(self, address: str | None, name: str) -> bool:
        """Whether the user of this name has signed in from here before. May wait for the storage."""
        pair = (_digest(name), address or "")
        with self._lock:
            if pair in self._known:
                return True
        return self._shared.is_remembered(_KNOWN, *pair)

    def _take(self, here: KeyedLimiter, *key: str) -> float | None:
        wait = here.check(key)
        return self._shared.check(here.limit, *key) if wait is None else wait

    def succeeded(self, address: str | None, name: str) -> None:
        """Remember that the user of this name has signed in from here."""
        pair = (_digest(name), address or "")
        with self._lock:
            self._known[pair] = None
            self._known.move_to_end(pair)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        self._shared.remember(_KNOWN, *pair, seconds=KNOWN_SECONDS)


def _digest(name: str) -> str:
    """Return a digest of a name, however it is written: the storage shall not have names."""
    folded = unicodedata.normalize("NFKC", name[:LONGEST_NAME]).casefold().strip()
    return hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=16).hexdigest()


_fault = RecurringFault("signing in", metrics.RATE_LIMITED.labels("sign_in"))


@lru_cache(maxsize=1)
def sign_in_throttle() -> SignInThrottle:
    """Return the throttle of this process."""
    settings = site_settings()
    return SignInThrottle(
        RateLimit.parse(settings.sign_in_rate_per_address),
        RateLimit.parse(settings.sign_in_rate_per_name),
        shared=shared_rates(),
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
        is_known = sign_in_throttle().is_known(address, name)
        with sign_in_turns().turn(address, is_known=is_known) as is_my_turn:
            if not is_my_turn:
                _fault.report(TooManyAttempts("too many at once"))
                return _refusal(WAIT_SECONDS)
            response = view(request, *args, **kwargs)
        if request.user.is_authenticated:
            sign_in_throttle().succeeded(address, name)
        return response

    return limited


def _address(request: HttpRequest) -> str | None:
    """Return what the caller is counted by; None if the limits of one address do not apply."""
    return limit_key(client_of_request(request), site_settings().unlimited_networks)


def _refusal(wait: float) -> HttpResponse:
    seconds = math.ceil(wait)
    return HttpResponse(
        f"Too many attempts to sign in. Try again in {seconds} seconds.\n",
        status=429,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(seconds), "Cache-Control": "no-store"},
    )
