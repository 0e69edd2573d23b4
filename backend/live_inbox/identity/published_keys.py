"""The keys that an issuer publishes at an address, as a JWKS document."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import jwt

from live_inbox.identity.errors import AuthenticationFailed, InvalidTokenRules, Reason
from live_inbox.identity.keys import known_algorithms

logger = logging.getLogger(__name__)

FETCH_TIMEOUT_SECONDS = 3.0
FRESH_SECONDS = 300.0
# An issuer that cannot be reached keeps its users signed in for this long; a key that it withdraws
# meanwhile is trusted no longer than that.
TRUSTED_SECONDS = 3600.0
# How often tokens with made-up key ids, or an issuer that is down, can make us ask.
COOLDOWN_SECONDS = 30.0
RETRY_SECONDS = 5.0


class PublishedKeys:
    """The keys in a JWKS document: fetched when needed, when stale, when a token has a new one.

    The issuer is asked by one thread at a time and seldom enough that neither made-up key ids nor
    an outage turn into a flood. While it cannot be reached, the keys of the last answer stay in use
    for TRUSTED_SECONDS. A key without `alg` counts as RS256, or as what its curve says.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        if any(name.startswith("HS") for name in known_algorithms(algorithms)):
            raise InvalidTokenRules(
                "JWT_JWKS_URL publishes public keys: "
                "set JWT_ALGORITHMS to the issuer's, for example RS256."
            )
        try:
            self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=timeout_seconds)
        except jwt.PyJWTError as error:
            raise InvalidTokenRules("JWT_JWKS_URL is not an http(s) address.") from error
        self._algorithms = frozenset(algorithms)
        self._clock = clock
        self._fetching = threading.Lock()
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._is_failing = False

    def candidates(self, key_id: str | None, *, fetch: bool = True) -> Sequence[jwt.PyJWK]:
        """Return the published keys of that id, or all for a token without one."""
        if fetch and self.may_block(key_id):
            self._refresh(key_id)
        keys = self._usable(key_id)
        if not keys and (self._is_failing or not self._is_trusted()):
            raise AuthenticationFailed(Reason.KEYS_UNAVAILABLE)
        return keys

    def may_block(self, key_id: str | None) -> bool:
        """Whether this key is unknown or stale, and it is not too early to ask the issuer again."""
        now = self._clock()
        if now < self._next_fetch_at:
            return False
        return now - self._fetched_at >= FRESH_SECONDS or not self._usable(key_id)

    def _is_trusted(self) -> bool:
        return self._clock() - self._fetched_at < TRUSTED_SECONDS

    def _usable(self, key_id: str | None) -> tuple[jwt.PyJWK, ...]:
        if not self._is_trusted():
            return ()
        return tuple(key for key in self._keys if key_id is None or key.key_id in (key_id, None))

    def _refresh(self, key_id: str | None) -> None:
        # Whoever has a usable key does not queue behind the thread that asks for a newer one.
        if not self._fetching.acquire(blocking=not self._usable(key_id)):
            return
        try:
            if self.may_block(key_id):
                self._fetch()
        finally:
            self._fetching.release()

    def _fetch(self) -> None:
        try:
            self._keys = self._published()
        except Exception as error:  # whatever the address answers is not the fault of the token
            if not self._is_failing:
                logger.warning("No token keys: %s: %s", type(error).__name__, error)
            self._is_failing = True
            self._next_fetch_at = self._clock() + RETRY_SECONDS
            return
        if self._is_failing:
            logger.warning("The token keys can be fetched again.")
        self._is_failing = False
        self._fetched_at = self._clock()
        self._next_fetch_at = self._fetched_at + COOLDOWN_SECONDS

    def _published(self) -> tuple[jwt.PyJWK, ...]:
        keys = tuple(
            key
            for key in self._client.get_jwk_set().keys
            if key.algorithm_name in self._algorithms and key.public_key_use in ("sig", None)
        )
        if not keys:
            raise jwt.PyJWKSetError(f"none at {self._client.uri} fits JWT_ALGORITHMS")
        return keys
