"""The public keys that an issuer publishes as a JWKS document (RFC 7517), cached."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import jwt

from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.jwks_document import BoundedClient
from live_inbox.identity.keys import known_algorithms

logger = logging.getLogger(__name__)

FETCH_TIMEOUT_SECONDS = 3.0
FRESH_SECONDS = 300.0
# While the issuer is unreachable, cached keys stay valid this long, so its users stay signed in. A key that it
# withdraws in the meantime is trusted no longer than this.
TRUSTED_SECONDS = 3600.0
# The least time between two requests to the issuer, after a success and after a failure: tokens with invented
# key ids and an issuer that is down cannot cause more.
COOLDOWN_SECONDS = 30.0
RETRY_SECONDS = 5.0


class JwksKeys:
    """The keys of a JWKS document: fetched on first use, when stale, and when a token names an unknown key.

    A request ends within `timeout_seconds`, including name resolution. One thread at a time fetches, and rate limits
    apply, so that neither invented key ids nor an outage cause a flood of requests. While the issuer is unreachable,
    the keys of the last response stay in use for TRUSTED_SECONDS. A key without `alg` counts as RS256, or as the
    algorithm of its curve.
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
            raise InvalidIdentityConfig(
                "JWT_JWKS_URL publishes public keys: "
                "set JWT_ALGORITHMS to the issuer's, for example RS256."
            )
        try:
            self._client = BoundedClient(url, cache_jwk_set=False, timeout=timeout_seconds)
        except jwt.PyJWTError as error:
            raise InvalidIdentityConfig("JWT_JWKS_URL is not an http(s) address.") from error
        self._algorithms = frozenset(algorithms)
        self._clock = clock
        self._fetching = threading.Lock()
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._is_failing = False

    def candidates(self, key_id: str | None, *, fetch: bool = True) -> Sequence[jwt.PyJWK]:
        """Return the published keys with this id, or all keys for a token without one.

        Raises AuthenticationFailed (KEYS_UNAVAILABLE) if there are none because the issuer does not answer.
        """
        if fetch and self.may_block(key_id):
            self._refresh(key_id)
        keys = self._usable(key_id)
        if not keys and (self._is_failing or not self._is_trusted()):
            raise AuthenticationFailed(Reason.KEYS_UNAVAILABLE)
        return keys

    def may_block(self, key_id: str | None) -> bool:
        """Whether this key is unknown or stale and the rate limit permits a request to the issuer."""
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
        # A thread that has a usable key does not wait for the one that fetches newer keys.
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
        except Exception as error:  # no response of the issuer is the token's fault
            if not self._is_failing:
                logger.warning(
                    "Fetching the token keys failed: %s: %s", type(error).__name__, error
                )
            self._is_failing = True
            self._next_fetch_at = self._clock() + RETRY_SECONDS
            return
        if self._is_failing:
            logger.warning("Fetching the token keys works again.")
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
