"""The open sockets of this process, each ended when its caller may no longer be here.

A socket lives no longer than its token. When the token expires, when the user is deactivated or
deleted, and when the user's tokens are revoked, the socket's `close` is called: once, from the
event loop, never from within `register`. No ORM here: how users stand is asked of a function that
is handed over.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from live_inbox.faults import Fault
from live_inbox.metrics import SESSION_CHECK_FAULTS

logger = logging.getLogger(__name__)

# How many sockets end before other work gets its turn: tokens issued together expire together.
_BATCH = 200
_SHORTEST_SECONDS = 0.01
# Ended sockets may leave this many entries behind before the heap is cleared of them.
_TOLERATED_LEFTOVERS = 64


class EndReason(StrEnum):
    """Why a socket is closed."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How a user stands: whether active, and before when (unix seconds) tokens are revoked."""

    active: bool
    not_before: float | None


class Admitted(Protocol):
    """What matters here of a Caller."""

    @property
    def user_id(self) -> str: ...
    @property
    def issued_at(self) -> float | None: ...
    @property
    def expires_at(self) -> float | None: ...


Close = Callable[[EndReason], None]
ReadStandings = Callable[[Collection[str]], Awaitable[Mapping[str, AccountStatus]]]


class OpenSession:
    """One registered socket. Release it when the socket is gone; twice does no harm."""

    __slots__ = ("_close", "_sessions", "is_open", "issued_at", "user_id")

    def __init__(
        self, sessions: OpenSessions, user_id: str, issued_at: float | None, close: Close
    ) -> None:
        self._sessions = sessions
        self._close = close
        self.user_id = user_id
        self.issued_at = issued_at
        self.is_open = True

    def release(self) -> None:
        """Forget the socket: its `close` is not called any more."""
        if self.is_open:
            self._sessions._forget(self)

    def end(self, reason: EndReason) -> None:
        """Close the socket for this reason, unless it was ended or released before."""
        if not self.is_open:
            return
        close = self._close
        self._sessions._forget(self)
        try:
            close(reason)
        except Exception:  # one broken socket must not keep the others open
            logger.exception("Closing a socket failed (%s).", reason)


class OpenSessions:
    """The register of open sockets. Everything but construction happens on the event loop.

    All sockets share one timer, for the earliest expiry. It is never set further ahead than one
    check, so that a wall clock that is put forward ends sockets in time; one that is put back makes
    them live longer, and neither ends a socket twice.

    A session without a token has no expiry: `max_age_seconds` bounds its socket, and a revocation
    ends it once, so that the client comes back and its session is looked at again.
    """

    def __init__(
        self,
        read_standings: ReadStandings,
        *,
        check_seconds: float = 5.0,
        max_age_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read_standings = read_standings
        self._check_seconds = check_seconds
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._serial = itertools.count()
        self._by_user: dict[str, set[OpenSession]] = {}
        self._expiries: list[tuple[float, int, OpenSession]] = []
        self._open = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._checks: asyncio.Task[None] | None = None
        self._fault = Fault("check of open sessions", SESSION_CHECK_FAULTS)

    def __len__(self) -> int:
        return self._open

    def start(self) -> None:
        """Begin to watch, on the running event loop."""
        if self._checks is None:
            self._loop = asyncio.get_running_loop()
            self._checks = self._loop.create_task(self._check_for_ever())
            self._set_timer()

    async def stop(self) -> None:
        """Stop watching. The sockets stay as they are."""
        checks, self._checks, self._loop = self._checks, None, None
        self._set_timer()
        if checks is not None:
            checks.cancel()
            with suppress(asyncio.CancelledError):
                await checks

    def register(self, caller: Admitted, close: Close) -> OpenSession:
        """Watch over this caller's socket until it is released."""
        now = self._clock()
        is_token = caller.expires_at is not None or caller.issued_at is not None
        issued_at = caller.issued_at if is_token else now
        session = OpenSession(self, caller.user_id, issued_at, close)
        self._by_user.setdefault(session.user_id, set()).add(session)
        self._open += 1
        self._expire_later(session, self._end_of(caller, now))
        return session

    def end_expired(self) -> None:
        """End the sockets whose time has come; of very many, the first."""
        now = self._clock()
        for _ in range(_BATCH):
            if not self._expiries or self._expiries[0][0] > now:
                return
            heapq.heappop(self._expiries)[2].end(EndReason.EXPIRED)

    async def check(self) -> None:
        """Ask how all users with open sockets stand, and end the sockets of those who must go.

        If that cannot be learnt, nobody is closed: the next check tries again.
        """
        user_ids = list(self._by_user)
        if not user_ids:
            return
        try:
            account_statuses = await self._read_standings(user_ids)
        except Exception as error:
            self._fault.report(error)
            return
        self._fault.recovered()
        await self._end_fallen(user_ids, account_statuses)

    async def _end_fallen(
        self, user_ids: Collection[str], account_statuses: Mapping[str, AccountStatus]
    ) -> None:
        ended = 0
        for user_id in user_ids:
            standing = account_statuses.get(user_id)
            for session in tuple(self._by_user.get(user_id, ())):
                reason = _verdict(session, standing)
                if reason is None:
                    continue
                session.end(reason)
                ended += 1
                if ended % _BATCH == 0:
                    await asyncio.sleep(0)

    async def _check_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            await self.check()

    def _end_of(self, caller: Admitted, now: float) -> float | None:
        ends = [caller.expires_at]
        if self._max_age_seconds is not None:
            ends.append(now + self._max_age_seconds)
        return min((end for end in ends if end is not None), default=None)

    def _expire_later(self, session: OpenSession, expires_at: float | None) -> None:
        if expires_at is None:
            return
        heapq.heappush(self._expiries, (expires_at, next(self._serial), session))
        if self._expiries[0][2] is session:
            self._set_timer()

    def _forget(self, session: OpenSession) -> None:
        session.is_open = False
        # Its entry in the heap may stay for a while; the socket must not.
        session._close = _do_nothing
        self._open -= 1
        of_user = self._by_user[session.user_id]
        of_user.discard(session)
        if not of_user:
            del self._by_user[session.user_id]
        if len(self._expiries) > 2 * self._open + _TOLERATED_LEFTOVERS:
            self._expiries = [entry for entry in self._expiries if entry[2].is_open]
            heapq.heapify(self._expiries)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None and self._expiries:
            delay = self._expiries[0][0] - self._clock()
            delay = min(max(delay, _SHORTEST_SECONDS), self._check_seconds)
            self._timer = self._loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.end_expired()
        self._set_timer()


def _do_nothing(reason: EndReason) -> None:
    """What is left to close of a socket that is gone."""


def _verdict(session: OpenSession, standing: AccountStatus | None) -> EndReason | None:
    if standing is None or not standing.active:
        return EndReason.DEACTIVATED
    if standing.not_before is None:
        return None
    if session.issued_at is None or session.issued_at < standing.not_before:
        return EndReason.REVOKED
    return None
