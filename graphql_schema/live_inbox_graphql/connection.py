"""What the operations of one socket have in common: who is asking, and the feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from live_inbox.database_threads import UNAVAILABLE_ERRORS
from live_inbox.feed import Feed
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.sessions import EndReason, OpenSession, OpenSessions
from live_inbox_graphql.authentication import caller_of_socket
from live_inbox_graphql.close_codes import CloseCode
from live_inbox_graphql.context import Context
from live_inbox_graphql.errors import ClientError, client_error

Close = Callable[[CloseCode, str], None]


class NotAdmitted(Exception):
    """Raised when a socket has to be closed because of who opened it."""

    def __init__(self, code: CloseCode, error: ClientError, detail: str) -> None:
        super().__init__(error.message)
        self.code = code
        self.error = error
        self.detail = detail


class Connection:
    """One socket's caller: nobody until admitted, and somebody no longer than they may be here."""

    __slots__ = ("_close", "_feed", "_scope", "_session", "_sessions", "caller")

    def __init__(
        self, scope: Mapping[str, Any], *, feed: Feed, sessions: OpenSessions, close: Close
    ) -> None:
        self._scope = scope
        self._feed = feed
        self._sessions = sessions
        self._close = close
        self.caller: Caller | None = None
        self._session: OpenSession | None = None

    async def admit(self, payload: Mapping[str, Any], *, within_seconds: float) -> None:
        """Find out who is asking; raise NotAdmitted for nobody, and when it takes too long."""
        finding = asyncio.ensure_future(caller_of_socket(self._scope, payload))
        finding.add_done_callback(_look_at)
        try:
            # Not a timeout around it: a thread that waits for the database cannot be cancelled.
            done, _ = await asyncio.wait({finding}, timeout=within_seconds)
        finally:
            finding.cancel()
        if not done:
            raise _not_admitted(AuthenticationFailed(Reason.KEYS_UNAVAILABLE))
        try:
            self.caller = finding.result()
        except AuthenticationFailed as failure:
            raise _not_admitted(failure) from failure
        except UNAVAILABLE_ERRORS as error:
            raise NotAdmitted(CloseCode.TRY_AGAIN, client_error(error), "") from error
        self._session = self._sessions.register(self.caller, self._end)

    def operation(self) -> Context:
        """Return the context of one operation."""
        return Context(caller=self.caller, feed=self._feed)

    def release(self) -> None:
        """Forget the caller's session: the socket is gone."""
        if self._session is not None:
            self._session.release()

    def _end(self, reason: EndReason) -> None:
        self._close(CloseCode.FORBIDDEN, reason.value)


def _look_at(finding: asyncio.Future[Caller]) -> None:
    """Look at the result of what may have been given up, so that asyncio does not complain of it."""
    if not finding.cancelled():
        finding.exception()


def _not_admitted(failure: AuthenticationFailed) -> NotAdmitted:
    is_ours = failure.reason is Reason.KEYS_UNAVAILABLE
    code = CloseCode.TRY_AGAIN if is_ours else CloseCode.FORBIDDEN
    return NotAdmitted(code, client_error(failure), failure.reason.value)
