"""The registry of this process's open sockets. It closes each one when its caller loses access.

A socket lives no longer than its token or session. When the token expires, when the user is deactivated or deleted,
when the token is revoked, when the session ends, and when an administrator disconnects the device, the socket's `close`
is called: once, from the event loop, never from within `register`. No ORM here: the constructor takes the functions
that read account statuses and sessions.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from live_inbox.faults import Fault
from live_inbox.metrics import SESSION_CHECK_FAULTS

logger = logging.getLogger(__name__)

# Sockets closed before other tasks get a turn. Tokens issued together expire together.
_BATCH = 200
_MIN_TIMER_SECONDS = 0.01
SIGNED_OUT = "signed-out."
"""Stands before a user's key where an account change is that the user has signed out of a session."""
DISCONNECT = "disconnect."
"""Stands before a socket's id, a dot and a user's key where an account change is that this socket is to be closed."""
_SIGN_OUT_SECONDS = 0.5
_ANNOUNCED_SECONDS = 5.0
"""How long a socket may take from the reading of its account to its registration, without a change being missed."""
_MOST_ANNOUNCED = 10_000
# Entries of closed sockets that may stay in the heap before it is rebuilt.
_MAX_STALE_ENTRIES = 64


class AccessEnd(StrEnum):
    """Why a socket is closed."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    DEACTIVATED = "deactivated"
    DISCONNECTED = "disconnected"
    """By an administrator. The credentials stay valid."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """A user's current access: whether active, before which moment (unix seconds) tokens and sessions are revoked, the
    password as stored, whose change ends sessions, and the ids of single tokens that are revoked.
    """

    active: bool
    not_before: float | None
    password: str = field(default="", repr=False)
    token_ids: frozenset[str] = frozenset()


class AdmittedCaller(Protocol):
    """The part of a Caller that the registry reads. Times are unix seconds."""

    @property
    def user_id(self) -> str: ...
    @property
    def issued_at(self) -> float | None: ...
    @property
    def expires_at(self) -> float | None: ...
    @property
    def password(self) -> str | None: ...
    @property
    def token_id(self) -> str | None: ...
    @property
    def session_key(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A socket of a user, for people who look after the site. Times are unix seconds."""

    id: str
    """Random, for `services.access.disconnect`."""
    api: str
    address: str
    """Of the client; empty if it is not known."""
    opened_at: float
    expires_at: float | None
    position: int | None = None
    """The sequence of the last event that it has been sent; None while it follows no inbox."""


Close = Callable[[AccessEnd], None]
Position = Callable[[], int | None]
"""Returns the position of a socket, as it is in OpenSocket. Is called when somebody asks, not for each event."""
Warn = Callable[[float], None]
"""Is called with the moment, in unix seconds, at which the socket will be closed."""
ReadStatuses = Callable[[Collection[str]], Awaitable[Mapping[str, AccountStatus]]]
ReadEndedSessions = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Returns those of some keys of sessions that there are no sessions with."""


class Admission:
    """One registered socket. Call `release` when the socket has closed; further calls are no-ops."""

    __slots__ = (
        "_admissions",
        "_close",
        "_id",
        "_position",
        "_warn",
        "address",
        "api",
        "expires_at",
        "is_open",
        "issued_at",
        "opened_at",
        "password",
        "session_key",
        "token_id",
        "user_id",
        "warns_at",
    )

    def __init__(
        self, admissions: Admissions, caller: AdmittedCaller, now: float, close: Close
    ) -> None:
        self._admissions = admissions
        self._close = close
        self._position: Position = _no_position
        self._warn: Warn | None = None
        self._id = ""
        self.user_id = caller.user_id
        self.opened_at = now
        self.api = ""
        self.address = ""
        self.is_open = True
        self.warns_at: float | None = None
        self._take(caller, now)

    def _take(self, caller: AdmittedCaller, now: float) -> None:
        is_token = caller.expires_at is not None or caller.issued_at is not None
        self.issued_at = caller.issued_at if is_token else now
        self.password = caller.password
        self.token_id = caller.token_id
        self.session_key = caller.session_key
        self.expires_at = self._admissions._expiry_of(caller, now)

    @property
    def id(self) -> str:
        """A random id. It is made when it is first asked for: hardly any socket needs one."""
        self._id = self._id or secrets.token_hex(8)
        return self._id

    @property
    def position(self) -> int | None:
        """The sequence of the last event that the socket has been sent; None while it follows no inbox."""
        return self._position()

    def renew(self, caller: AdmittedCaller) -> None:
        """Keep the socket open by other credentials of the same user instead, until those expire. A no-op once closed.

        Raises ValueError for another user.
        """
        if caller.user_id != self.user_id:
            raise ValueError("credentials of another user")
        if self.is_open:
            self._take(caller, self._admissions._clock())
            self._admissions._schedule(self)
            self._admissions._check_if_announced(self.user_id)

    def warn_before_expiry(self, warn: Warn) -> None:
        """Call `warn` some seconds before the socket is closed because it expires, also after a renewal."""
        if self.is_open:
            self._admissions._warned += self._warn is None
            self._warn = warn
            self._admissions._schedule(self)

    def warn(self) -> None:
        """Warn that the socket is about to expire. A no-op once closed."""
        if not self.is_open or self._warn is None or self.expires_at is None:
            return
        self.warns_at = None
        try:
            self._warn(self.expires_at)
        except Exception:
            logger.exception("A warning before the end of a socket failed.")

    def is_due(self, moment: float) -> bool:
        """Whether something is planned for that moment: not if the socket has been renewed since."""
        return self.is_open and moment in (self.expires_at, self.warns_at)

    def release(self) -> None:
        """Unregister the socket: its `close` is not called any more."""
        if self.is_open:
            self._admissions._forget(self)

    def end(self, reason: AccessEnd) -> None:
        """Close the socket for this reason; a no-op after `end` or `release`."""
        if not self.is_open:
            return
        close = self._close
        self._admissions._forget(self)
        try:
            close(reason)
        except Exception:  # one failing socket must not keep the others open
            logger.exception("Closing a socket failed (%s).", reason)


class Admissions:
    """The registry of open sockets. Construct it anywhere; use it on the event loop only.

    All sockets share one timer, set for the earliest expiry and never further ahead than `check_seconds`. So a
    wall clock that is set forward still closes sockets in time; one that is set back makes them live longer.
    Neither closes a socket twice.

    `on_checked` is called after each periodic check that succeeded.

    `max_age_seconds` bounds the sockets of sessions, too. Sockets that want it are warned `warning_seconds` before they
    expire, or when half of their time is over, if that is later.
    """

    def __init__(
        self,
        read_statuses: ReadStatuses,
        *,
        check_seconds: float = 5.0,
        max_age_seconds: float | None = None,
        warning_seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
        on_checked: Callable[[], None] = lambda: None,
        read_ended_sessions: ReadEndedSessions | None = None,
    ) -> None:
        self._read_statuses = read_statuses
        self._read_ended_sessions = read_ended_sessions
        self._check_seconds = check_seconds
        self._max_age_seconds = max_age_seconds
        self._warning_seconds = warning_seconds
        self._clock = clock
        self._on_checked = on_checked
        self._serial = itertools.count()
        self._by_user: dict[str, set[Admission]] = {}
        self._expiries: list[tuple[float, int, Admission]] = []
        self._open = 0
        self._warned = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._checks: asyncio.Task[None] | None = None
        self._changed: set[str] = set()
        self._announced: dict[str, float] = {}
        self._signed_out: dict[str, asyncio.TimerHandle] = {}
        self._early_check: asyncio.Task[None] | None = None
        self._fault = Fault("check of open sessions", SESSION_CHECK_FAULTS)

    def __len__(self) -> int:
        return self._open

    def start(self) -> None:
        """Start the periodic checks on the running event loop."""
        if self._checks is None:
            self._loop = asyncio.get_running_loop()
            self._checks = self._loop.create_task(self._check_periodically())
            self._set_timer()

    async def stop(self) -> None:
        """Stop the checks. The sockets stay open."""
        tasks = [task for task in (self._checks, self._early_check) if task is not None]
        self._checks = self._early_check = self._loop = None
        self._changed.clear()
        self._announced.clear()
        for later in self._signed_out.values():
            later.cancel()
        self._signed_out.clear()
        self._set_timer()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def register(
        self,
        caller: AdmittedCaller,
        close: Close,
        *,
        api: str = "",
        address: str = "",
        position: Position | None = None,
    ) -> Admission:
        """Register this caller's socket until it is released. `close` is called with the reason to close it.

        `api`, `address` and `position` are for `sockets_of`.
        """
        admission = Admission(self, caller, self._clock(), close)
        admission.api, admission.address = api, address
        admission._position = position or _no_position
        self._by_user.setdefault(admission.user_id, set()).add(admission)
        self._open += 1
        self._schedule(admission)
        self._check_if_announced(admission.user_id)
        return admission

    def sockets_of(self, user_id: str) -> list[OpenSocket]:
        """Return the open sockets of a user, the oldest first."""
        own = sorted(self._by_user.get(user_id, ()), key=lambda each: each.opened_at)
        return [
            OpenSocket(
                each.id, each.api, each.address, each.opened_at, each.expires_at, each.position
            )
            for each in own
        ]

    def end_expired(self) -> None:
        """Close the sockets that have expired, and warn those that are about to: at most one batch (200) at a time."""
        now = self._clock()
        for _ in range(_BATCH):
            if not self._expiries or self._expiries[0][0] > now:
                return
            moment, _, admission = heapq.heappop(self._expiries)
            if not admission.is_due(moment):
                continue
            if moment == admission.expires_at:
                admission.end(AccessEnd.EXPIRED)
            else:
                admission.warn()

    async def check(self) -> None:
        """Read the status of all users with open sockets, and close the sockets of those without access.

        If the read fails, no socket is closed; the next check tries again.
        """
        if await self._check(list(self._by_user)):
            self._on_checked()

    def on_account_changed(self, user_id: str) -> None:
        """Check the sockets of this user at once, if there are any. After SIGNED_OUT, close those of sessions.

        The sessions that are still signed in reconnect. After DISCONNECT, close one socket, and check nothing.
        """
        if user_id.startswith(DISCONNECT):
            socket_id, _, user_id = user_id.removeprefix(DISCONNECT).partition(".")
            self._disconnect(user_id, socket_id)
            return
        if user_id.startswith(SIGNED_OUT):
            self._end_sessions(user_id.removeprefix(SIGNED_OUT))
            self._end_sessions_later(user_id.removeprefix(SIGNED_OUT))
        if self._loop is None:
            return
        self._note_announced(user_id, self._loop.time())
        if user_id in self._by_user:
            self._check_soon(user_id, self._loop)

    def _note_announced(self, user_id: str, now: float) -> None:
        """Remember the change for sockets that are being opened: their account may have been read before it."""
        announced = self._announced
        announced.pop(user_id, None)
        announced[user_id] = now
        while len(announced) > _MOST_ANNOUNCED or announced[next(iter(announced))] <= (
            now - _ANNOUNCED_SECONDS
        ):
            del announced[next(iter(announced))]

    def _check_if_announced(self, user_id: str) -> None:
        announced_at = self._announced.get(user_id)
        if announced_at is None or self._loop is None:
            return
        if self._loop.time() - announced_at < _ANNOUNCED_SECONDS:
            self._check_soon(user_id, self._loop)

    def _check_soon(self, user_id: str, loop: asyncio.AbstractEventLoop) -> None:
        self._changed.add(user_id)
        if self._early_check is None:
            self._early_check = loop.create_task(self._check_changed())

    def _end_sessions_later(self, user_id: str) -> None:
        """Close them once more, half a second later.

        Django announces a sign-out before it deletes the session: a client that reconnects at once is still admitted.
        What takes longer is found by the periodic check.
        """
        if self._loop is not None and user_id not in self._signed_out:
            later = self._loop.call_later(_SIGN_OUT_SECONDS, self._end_announced, user_id)
            self._signed_out[user_id] = later

    def _end_announced(self, user_id: str) -> None:
        del self._signed_out[user_id]
        admissions = self._by_user.get(user_id, ())
        if all(each.session_key is not None for each in admissions if each.password is not None):
            self.on_account_changed(user_id)
        else:
            self._end_sessions(user_id)

    def _end_sessions(self, user_id: str) -> None:
        for admission in tuple(self._by_user.get(user_id, ())):
            if admission.password is not None:
                admission.end(AccessEnd.REVOKED)

    def _disconnect(self, user_id: str, socket_id: str) -> None:
        for admission in tuple(self._by_user.get(user_id, ())):
            if admission.id == socket_id:
                admission.end(AccessEnd.DISCONNECTED)

    async def _check_changed(self) -> None:
        while self._changed:
            user_ids, self._changed = self._changed, set()
            await self._check(list(user_ids))
        self._early_check = None

    async def _check(self, user_ids: Collection[str]) -> bool:
        """Return whether it could be done."""
        if not user_ids:
            return True
        try:
            statuses = await self._read_statuses(user_ids)
            ended_sessions = await self._ended_sessions(user_ids)
        except Exception as error:
            self._fault.report(error)
            return False
        self._fault.recovered()
        await self._end_disallowed(user_ids, statuses, ended_sessions)
        return True

    async def _ended_sessions(self, user_ids: Collection[str]) -> Collection[str]:
        keys = {
            admission.session_key
            for user_id in user_ids
            for admission in self._by_user.get(user_id, ())
            if admission.session_key is not None
        }
        if not keys or self._read_ended_sessions is None:
            return ()
        return await self._read_ended_sessions(keys)

    async def _end_disallowed(
        self,
        user_ids: Collection[str],
        statuses: Mapping[str, AccountStatus],
        ended_sessions: Collection[str],
    ) -> None:
        ended = 0
        for user_id in user_ids:
            status = statuses.get(user_id)
            for admission in tuple(self._by_user.get(user_id, ())):
                reason = _end_reason(admission, status)
                if reason is None and admission.session_key in ended_sessions:
                    reason = AccessEnd.REVOKED
                if reason is None:
                    continue
                admission.end(reason)
                ended += 1
                if ended % _BATCH == 0:
                    await asyncio.sleep(0)

    async def _check_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            await self.check()

    def _expiry_of(self, caller: AdmittedCaller, now: float) -> float | None:
        ends = [caller.expires_at]
        if self._max_age_seconds is not None:
            ends.append(now + self._max_age_seconds)
        return min((end for end in ends if end is not None), default=None)

    def _schedule(self, admission: Admission) -> None:
        """Plan the end of a socket, and the warning before it if one is wanted."""
        expires_at = admission.expires_at
        if expires_at is None:
            return
        self._plan(expires_at, admission)
        if admission._warn is not None:
            now = self._clock()
            admission.warns_at = max(expires_at - self._warning_seconds, (now + expires_at) / 2)
            self._plan(admission.warns_at, admission)
        self._drop_stale()
        if self._expiries[0][2] is admission:
            self._set_timer()

    def _plan(self, moment: float, admission: Admission) -> None:
        heapq.heappush(self._expiries, (moment, next(self._serial), admission))

    def _drop_stale(self) -> None:
        """Rebuild the heap if most of its entries are of closed sockets, or of before a renewal."""
        if len(self._expiries) <= 2 * (self._open + self._warned) + _MAX_STALE_ENTRIES:
            return
        # One entry for each moment of a socket: a repeated plan leaves more.
        planned = {
            (moment, id(entry)): (moment, serial, entry)
            for moment, serial, entry in self._expiries
            if entry.is_due(moment)
        }
        self._expiries = list(planned.values())
        heapq.heapify(self._expiries)

    def _forget(self, admission: Admission) -> None:
        admission.is_open = False
        # The entry in the heap may stay for a while; it must not keep the socket in memory.
        admission._close, admission._position = _do_nothing, _no_position
        self._warned -= admission._warn is not None
        admission._warn = None
        self._open -= 1
        user_admissions = self._by_user[admission.user_id]
        user_admissions.discard(admission)
        if not user_admissions:
            del self._by_user[admission.user_id]
        self._drop_stale()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None and self._expiries:
            delay = self._expiries[0][0] - self._clock()
            delay = min(max(delay, _MIN_TIMER_SECONDS), self._check_seconds)
            self._timer = self._loop.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.end_expired()
        self._set_timer()


def _do_nothing(reason: AccessEnd) -> None:
    """The `close` of a socket that has been released."""


def _no_position() -> int | None:
    """Stand for the position of a socket that has none, or has been released."""
    return None


def _end_reason(admission: Admission, status: AccountStatus | None) -> AccessEnd | None:
    if status is None or not status.active:
        return AccessEnd.DEACTIVATED
    if admission.password is not None and admission.password != status.password:
        return AccessEnd.REVOKED
    if admission.token_id is not None and admission.token_id in status.token_ids:
        return AccessEnd.REVOKED
    if status.not_before is None:
        return None
    if admission.issued_at is None or admission.issued_at < status.not_before:
        return AccessEnd.REVOKED
    return None
