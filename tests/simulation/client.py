"""A simulated client: it lists, follows, resumes and reloads as frontend/client does, and checks all that it gets."""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.hub import HubClosed
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.events import Event, Reset
from tests.simulation.database import SimulatedDatabase
from tests.simulation.history import (
    History,
    InboxRow,
    Moment,
    Place,
    Violation,
    id_of,
    name_of,
)
from tests.simulation.server import CONNECTION, Server

Item = Event | Reset


@dataclass(frozen=True, slots=True)
class Habits:
    """How a client uses the product."""

    pulls: bool = False
    """Reads an async iterator, as a GraphQL operation that graphql-core executes; else batches are pushed."""
    resumes: bool = True
    """Comes back with its position; else it subscribes from now on and lists, as clients of the JSON API do."""


class Connected:
    """What one connection has delivered, checked against the history as the server must keep to it."""

    def __init__(
        self, history: History, inbox: str, after: Place | None, *, is_known: bool
    ) -> None:
        self._history = history
        self._inbox = inbox
        self._after = after
        self._is_known = is_known
        """Whether the content at `after` is known: only a list says which content a reset's position stands for."""
        self._asked = len(history.moments[inbox])
        self._begins: list[Moment] = []
        """What the inbox was while a subscription from now on was being opened: it began at one of these moments."""

    def opened(self) -> None:
        """Note that the subscription is open."""
        if self._after is None:
            moments = [Moment(0.0, None), *self._history.moments[self._inbox]]
            self._begins = moments[self._asked :]

    def check(self, item: Item, now: float) -> None:
        """Raise Violation if the connection may not deliver this item now."""
        if isinstance(item, Reset):
            self._check_reset(item, now)
            return
        self._history.require_committed(item)
        if item.inbox != self._inbox:
            raise Violation(f"{name_of(item)} came to inbox {self._inbox}")
        after = self._after
        if self._begins and all(self._has(moment, item) for moment in self._begins):
            raise Violation(f"{name_of(item)} is older than the subscription from now on")
        if after is not None:
            if item.sequence != after.position.sequence + 1:
                raise Violation(f"{name_of(item)} came after {after.position}")
            if self._is_known:
                self._history.require_next(item, after.last_id)
        self._after = Place(item.position, id_of(item), now)
        self._is_known = True

    def _check_reset(self, reset: Reset, now: float) -> None:
        after, expired = self._after, reset.reason is ResetReason.EXPIRED
        # A subscription from now on has a place that only the server knows, until something has been delivered.
        if (
            after is not None
            and self._is_known
            and not self._history.has_cause(self._inbox, after, expired=expired)
        ):
            raise Violation(f"a reset ({reset.reason}) without a cause at {after.position}")
        self._after = Place(reset.position, None, now)
        self._is_known = False
        self._begins = []

    def _has(self, moment: Moment, event: Event) -> bool:
        return moment.row is not None and self._history.contains(moment.row.last_id, event)


class ListBackoff:
    """The wait before the list of a reset, as in frontend/client: none, unless a list has just led to it."""

    def __init__(self, rng: random.Random, clock: Callable[[], float]) -> None:
        self._rng = rng
        self._clock = clock
        self._attempt = 0
        self._listed = -math.inf

    async def wait(self) -> None:
        """Wait until the next list may be read."""
        is_good = self._clock() - self._listed >= 1.0
        self._attempt = 1 if is_good else self._attempt + 1
        if self._attempt > 1:
            longest = min(30.0, 2.0 ** (self._attempt - 1))
            await asyncio.sleep(longest / 2 + self._rng.random() * longest / 2)

    def listed(self) -> None:
        """Note that a list was read."""
        self._listed = self._clock()


class Client:
    """One device of a user. Everything that its screen shows is a place in the history: `place`."""

    def __init__(
        self,
        name: str,
        inbox: str,
        habits: Habits,
        database: SimulatedDatabase,
        servers: Callable[[], list[Server]],
        rng: random.Random,
        trace: Callable[[str], None],
    ) -> None:
        self.name = name
        self.inbox = inbox
        self.habits = habits
        self.violation: Violation | None = None
        self.place: Place | None = None
        """What the screen shows; None before the first list."""
        self.resume_after: Position | None = None
        """The position of the newest item that was received: where a new connection goes on."""
        self.applied = 0
        self.resets = 0
        self._database = database
        self._servers = servers
        self._rng = rng
        self._trace = trace
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Item] = deque()
        """Received, and waiting for a list that is being loaded."""
        self._loading: asyncio.Task[None] | None = None
        self._connected: Connected | None = None
        self._unread: deque[Item] = deque()
        """In the buffers of the connection: lost with it."""
        self._reads = asyncio.Event()
        self._reads.set()
        self._is_here = asyncio.Event()
        self._is_here.set()
        self._session: asyncio.Task[None] | None = None
        self._server: Server | None = None
        """The server that it is connected to."""
        self._subscribes_again = False
        """Whether it opens another subscription on its connection, in the place of the one that ends."""
        self._lists = ListBackoff(rng, self._loop.time)
        self._task = self._loop.create_task(self._run(), name=f"client {name}")

    # -- what happens to it -------------------------------------------------------------------------------

    def disconnect(self, *, stays_away: bool = False) -> None:
        """Lose the connection; come back soon, or when `come_back` is called."""
        if stays_away:
            self._is_here.clear()
        self._subscribes_again = False
        self._end_session()

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.cancel()

    def come_back(self) -> None:
        """Connect again, and read again."""
        self._is_here.set()
        self._reads.set()
        self._read_buffers()

    def stop_reading(self) -> None:
        """Leave what arrives in the buffers, so that the server has to wait."""
        self._reads.clear()

    def forget(self) -> None:
        """Start anew, as a page that is reloaded."""
        self.disconnect()
        if self._loading is not None:
            self._loading.cancel()
        self._queue.clear()
        self.place = self.resume_after = None

    def end(self) -> None:
        """Go for good."""
        for task in (self._task, self._session, self._loading):
            if task is not None:
                task.cancel()

    def lag(self) -> str | None:
        """Return what the client lacks; None when it shows the inbox as it is."""
        row = self._database.rows.get(self.inbox)
        expected, position = (None, ORIGIN) if row is None else (row.last_id, row.position)
        if self.place is None or (self.resume_after is None and self.habits.resumes):
            return "has not loaded its list"
        if self._loading is not None or self._queue or self._unread:
            return "is loading, or has not read what arrived"
        if self.place.last_id != expected:
            return f"shows #{self.place.last_id} at {self.place.position}, not #{expected} at {position}"
        return None

    # -- connections --------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._is_here.wait()
            servers = self._servers()
            if servers:
                server = self._server if self._server in servers else self._rng.choice(servers)
                assert server is not None
                self._server = server
                self._session = self._loop.create_task(self._connect(server))
                server.sessions[self._session] = None
                await asyncio.wait([self._session])
                server.sessions.pop(self._session, None)
                self._raise_unexpected(self._session)
            self._unread.clear()
            self._connected = None
            if not self._subscribes_again:
                self._server = None
                await asyncio.sleep(0.05 + self._rng.random() * 0.3)
            self._subscribes_again = False

    def _raise_unexpected(self, session: asyncio.Task[None]) -> None:
        if not session.cancelled() and (error := session.exception()) is not None:
            self._fail(error if isinstance(error, Violation) else Violation(f"failed: {error!r}"))

    def _fail(self, violation: Violation) -> None:
        if self.violation is None:
            self._trace(f"{self.name}: VIOLATION: {violation}")
            self.violation = violation

    async def _connect(self, server: Server) -> None:
        CONNECTION.set(server.connection)
        with suppress(HubClosed):
            if not self.habits.resumes:
                self.place = self.resume_after = None
                self._queue.clear()
            elif self.resume_after is None:
                await self._load()
            after = _sent_as_text(self.resume_after)
            self._trace(f"{self.name} connects to {server.name} after {after}")
            self._connected = self._new_connection(after)
            if self.habits.pulls:
                await self._pull(server, after)
            else:
                await self._be_pushed(server, after)

    def _new_connection(self, after: Position | None) -> Connected:
        place, is_known = self.place, True
        if place is None or place.position != after:
            # After a reset whose list is being loaded, or after events that wait for that list.
            place = None if after is None else Place(after, None, self._loop.time())
            is_known = False
        return Connected(self._database.history, self.inbox, place, is_known=is_known)

    def _opened(self) -> None:
        if self._connected is not None:
            self._connected.opened()

    async def _pull(self, server: Server, after: Position | None) -> None:
        async with server.feed.open(self.inbox, after) as feed:
            self._opened()
            if not self.habits.resumes:
                await self._load()
            async for item in feed:
                self._arrive(item)
                await self._reads.wait()

    async def _be_pushed(self, server: Server, after: Position | None) -> None:
        following = await server.feed.follow(self.inbox, after)
        self._opened()
        over: asyncio.Future[None] = self._loop.create_future()

        def fail(error: Exception) -> None:
            if not over.done():
                over.set_exception(error)

        try:
            following.start(self._take_batch, fail)
            if not self.habits.resumes:
                await self._load()
            await over
        finally:
            following.stop()

    def _take_batch(self, batch: Batch[Event] | Batch[Reset]) -> Awaitable[None] | None:
        for item in batch.items:
            self._arrive(item)
        return None if self._reads.is_set() else _Waiting(self._reads)

    # -- receiving ----------------------------------------------------------------------------------------

    def _arrive(self, item: Item) -> None:
        if self._subscribes_again:
            return  # of the subscription that is being ended
        try:
            if self._connected is not None:
                self._connected.check(item, self._loop.time())
        except Violation as violation:
            self._fail(violation)
            raise
        self._unread.append(item)
        if self._reads.is_set():
            self._read_buffers()

    def _read_buffers(self) -> None:
        while self._unread:
            item = self._unread.popleft()
            if isinstance(item, Event) and _is_applied(item.position, self.resume_after):
                continue
            self.resume_after = item.position
            self._queue.append(item)
        self._process()

    def _process(self) -> None:
        while self._queue and self._loading is None and self.place is not None:
            item = self._queue.popleft()
            if isinstance(item, Reset):
                self.resets += 1
                self._trace(f"{self.name} is reset ({item.reason}) to {item.position}")
                self._loading = self._loop.create_task(self._reload())
            elif not _is_applied(item.position, self.place.position):
                self._apply(item)

    def _apply(self, event: Event) -> None:
        assert self.place is not None
        history, shown = self._database.history, self.place
        if event.epoch != shown.position.epoch and not shown.position.is_origin:
            # The list is newer than what was on its way: a reset has to follow. The event is applied twice, or to
            # a list that lacks it.
            if history.contains(shown.last_id, event):
                return
        else:
            try:
                history.require_next(event, shown.last_id)
            except Violation as violation:
                # A subscription from now on may be of another branch than its list: then, too, a reset has to follow.
                if self.habits.resumes:
                    self._fail(violation)
        self.place = Place(event.position, id_of(event), self._loop.time())
        self.applied += 1

    # -- lists --------------------------------------------------------------------------------------------

    async def _reload(self) -> None:
        """Load the list after a reset, whatever becomes of the connection."""
        try:
            await self._lists.wait()
            await self._load_place()
        finally:
            self._loading = None
        assert self.place is not None
        if self.habits.resumes:
            self._queue.clear()
            if self.place.position != self.resume_after:
                # So that the server compares the list's position with the log.
                self.resume_after = self.place.position
                self._unread.clear()
                self._subscribes_again = self._server is not None
                self._end_session()
        self._process()

    async def _load(self) -> None:
        """Load the first list."""
        await self._load_place()
        assert self.place is not None
        if self.habits.resumes:
            self.resume_after = self.place.position
        self._process()

    async def _load_place(self) -> None:
        while True:
            servers = self._servers()
            if servers:
                with suppress(OperationalError):
                    row = await self._rng.choice(servers).connection.inbox(self.inbox)
                    self.place = _place_of(row, self._loop.time())
                    self._lists.listed()
                    self._trace(f"{self.name} lists {self.place.position} (#{self.place.last_id})")
                    return
            await asyncio.sleep(0.5)


class _Waiting:
    """Waits for an event. Unlike a coroutine it may be dropped, as when the subscription ends at that moment."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def __await__(self) -> Generator[Any, None, Any]:
        return self._event.wait().__await__()


def _sent_as_text(position: Position | None) -> Position | None:
    """Return a position as the server reads it from the text that the client holds."""
    return None if position is None else Position.parse(str(position))


def _place_of(row: InboxRow | None, now: float) -> Place:
    return Place(ORIGIN, None, now) if row is None else Place(row.position, row.last_id, now)


def _is_applied(position: Position, reached: Position | None) -> bool:
    """Whether a client at `reached` has the event at `position`: `isApplied` of frontend/client/position.ts."""
    if reached is None:
        return False
    if position.epoch != reached.epoch:
        return position == reached
    return position.sequence <= reached.sequence
