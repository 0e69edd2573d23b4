"""The public keys that an issuer publishes as a JWKS document (RFC 7517), cached."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

import jwt

from live_inbox.identity.errors import AuthenticationFailed, InvalidIdentityConfig, Reason
from live_inbox.identity.jwks_document import (
    IssuerClient,
    IssuerUnreachable,
    check_address,
    public_key,
)
from live_inbox.identity.keys import known_algorithms

logger = logging.getLogger(__name__)

FETCH_TIMEOUT_SECONDS = 3.0
FRESH_SECONDS = 300.0
# While the issuer is unreachable, cached keys stay valid this long, so its users stay signed in. A key that it
# withdraws in the meantime is trusted no longer than this.
STALE_SECONDS = 3600.0
# The least time between two requests to the issuer, after a success and after a failure: tokens with invented
# key ids and an issuer that is down cannot cause more.
COOLDOWN_SECONDS = 30.0
RETRY_SECONDS = 5.0
# For this long, a key id that the document did not have causes no request.
ABSENT_SECONDS = 300.0
MAX_ABSENT = 1000
MAX_KEY_ID_LENGTH = 256


class JwksKeys:
    """The keys of a JWKS document: fetched on first use, when stale, and when a token names an unknown key.

    One request at a time is made, in a thread of its own, and all who need its answer share it. It ends within
    `timeout_seconds`, including name resolution. A token whose key is known never waits: stale keys are renewed
    meanwhile and, while the issuer is unreachable, stay in use for `stale_seconds`. Rate limits apply, so that
    neither invented key ids nor an outage cause a flood of requests.
    """

    def __init__(
        self,
        url: str,
        algorithms: Sequence[str],
        *,
        headers: Mapping[str, str] | None = None,
        over_http: bool = False,
        stale_seconds: float = STALE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = FETCH_TIMEOUT_SECONDS,
    ) -> None:
        if any(name.startswith("HS") for name in known_algorithms(algorithms)):
            raise InvalidIdentityConfig(
                "JWT_JWKS_URL publishes public keys: "
                "set JWT_ALGORITHMS to the issuer's, for example RS256."
            )
        check_address(url, over_http=over_http)
        self._client = IssuerClient(url, headers=headers, timeout_seconds=timeout_seconds)
        self._algorithms = tuple(algorithms)
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")
        self._is_failing = False
        self._pending: Future[None] | None = None
        self._wanted: set[str] = set()
        self._absent: dict[str, float] = {}

    def candidates(self, key_id: str | None) -> Sequence[jwt.PyJWK]:
        """Return the published keys with this id, or all keys for a token without one. Makes no request.

        Raises AuthenticationFailed (KEYS_UNAVAILABLE) if there are none and the issuer could not be asked: the key may
        well be a new one of the issuer.
        """
        keys = self._usable(key_id)
        if not keys and not self._is_known_to_be_absent(key_id):
            raise AuthenticationFailed(Reason.KEYS_UNAVAILABLE)
        return keys

    def may_block(self, key_id: str | None) -> bool:
        """Whether a token with this `kid` has to wait for the issuer."""
        if self._usable(key_id) or self._is_known_to_be_absent(key_id):
            return False
        return self._pending is not None or self._clock() >= self._next_fetch_at

    def fetch(self, key_id: str | None) -> Future[None] | None:
        """Renew the keys if that is due. Return what a token with this `kid` has to wait for; None for nothing.

        The future has no result and no exception: `candidates` says what came of it.
        """
        is_usable = bool(self._usable(key_id))
        if is_usable and self._clock() - self._fetched_at < FRESH_SECONDS:
            return None
        if not is_usable and self._is_known_to_be_absent(key_id):
            return None
        with self._lock:
            if self._pending is None and self._clock() >= self._next_fetch_at:
                self._start()
            if is_usable or self._pending is None:
                return None
            if key_id is not None and len(self._wanted) < MAX_ABSENT:
                self._wanted.add(key_id)
            return self._pending

    def _start(self) -> None:
        self._pending = Future()
        # A waiter that is cancelled must not cancel it for the others.
        self._pending.set_running_or_notify_cancel()
        self._next_fetch_at = self._clock() + RETRY_SECONDS
        try:
            threading.Thread(
                target=self._fetch, args=(self._pending,), name="jwks", daemon=True
            ).start()
        except RuntimeError:  # the system has no thread left
            self._pending.set_result(None)
            self._pending = None

    def _usable(self, key_id: str | None) -> tuple[jwt.PyJWK, ...]:
        if self._clock() - self._fetched_at >= self._stale_seconds:
            return ()
        return tuple(key for key in self._keys if key_id is None or key.key_id in (key_id, None))

    def _is_known_to_be_absent(self, key_id: str | None) -> bool:
        if key_id is None:
            return False
        return len(key_id) > MAX_KEY_ID_LENGTH or self._absent.get(key_id, 0) > self._clock()

    def _fetch(self, pending: Future[None]) -> None:
        try:
            keys, unusable = self._published()
        except Exception as error:  # no response of the issuer is the token's fault
            self._on_failed(error)
        else:
            self._on_fetched(keys, unusable)
        finally:
            pending.set_result(None)

    def _published(self) -> tuple[tuple[jwt.PyJWK, ...], set[str]]:
        """Return the keys of the document that can be used, and the ids of the others."""
        keys, unusable = [], set()
        for published in self._client.fetch():
            key = public_key(published, self._algorithms)
            if key is not None:
                keys.append(key)
            elif isinstance(published.get("kid"), str):
                unusable.add(published["kid"])
        if not keys:
            raise IssuerUnreachable(f"none at {self._client.place} fits JWT_ALGORITHMS")
        return tuple(keys), unusable

    def _on_failed(self, error: Exception) -> None:
        with self._lock:
            was_failing, self._is_failing = self._is_failing, True
            self._next_fetch_at = self._clock() + RETRY_SECONDS
            self._end()
        if not was_failing:
            logger.warning("Fetching the token keys failed: %s", error)

    def _on_fetched(self, keys: tuple[jwt.PyJWK, ...], unusable: set[str]) -> None:
        with self._lock:
            was_failing, self._is_failing = self._is_failing, False
            self._fetched_at = self._clock()
            self._next_fetch_at = self._fetched_at + COOLDOWN_SECONDS
            ids = {key.key_id for key in keys}
            if None not in ids:
                withdrawn = {key.key_id for key in self._keys if isinstance(key.key_id, str)}
                self._note_absent((self._wanted | withdrawn | unusable) - ids)
            self._keys = keys
            self._end()
        if was_failing:
            logger.warning("Fetching the token keys works again.")

    def _note_absent(self, key_ids: set[str]) -> None:
        now = self._clock()
        absent = {key_id: until for key_id, until in self._absent.items() if until > now}
        absent |= dict.fromkeys(key_ids, now + ABSENT_SECONDS)
        # The newest stay. Replaced as a whole, because other threads read it.
        self._absent = dict(list(absent.items())[-MAX_ABSENT:])

    def _end(self) -> None:
        self._wanted.clear()
        self._pending = None
