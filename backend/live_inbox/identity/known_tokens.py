"""Tokens that were verified a moment ago, so that the requests of one client do not verify the same token again.

Only what the token itself says is remembered, and the user to whom it belonged. The account is read at each request:
whoever was deactivated, or whose token was revoked, is refused at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from live_inbox.identity.tokens import VerifiedToken

SECONDS = 30.0
"""After so long, a token is verified again: its key may have been withdrawn."""

MOST = 4096


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A verified token, and the key of the inbox of its user."""

    verified: VerifiedToken
    user_id: str
    until: float
    """When it is to be verified again, in unix seconds: at its expiry, at the latest."""


class KnownTokens:
    """The tokens that were used last.

    Threads may share it: those that read accounts forget tokens, and each thread of a WSGI server has an event loop.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._tokens: OrderedDict[str, KnownToken] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tokens)

    def get(self, token: str) -> KnownToken | None:
        """Return a token that need not be verified again; None for any other."""
        known = self._tokens.get(token)
        if known is None:
            return None
        if known.until <= self._clock():
            self.forget(token)
            return None
        try:
            self._tokens.move_to_end(token)
        except KeyError:
            # Another thread has just forgotten it.
            return None
        return known

    def put(self, token: str, verified: VerifiedToken, user_id: str) -> None:
        """Remember a token that was verified now."""
        until = min(self._clock() + SECONDS, verified.expires_at)
        self.forget(token)
        self._tokens[token] = KnownToken(verified, user_id, until)
        if len(self._tokens) > self._most:
            self._tokens.popitem(last=False)

    def forget(self, token: str) -> None:
        """Forget a token whose account has changed."""
        self._tokens.pop(token, None)
