"""The simulated database: inboxes and their logs, with transactions, copies, failures and slow connections."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from django.db import OperationalError

from live_inbox.delivery.log import UNTOUCHED, Head, LogRange
from live_inbox.events import Event
from live_inbox.selectors.inbox_state import EMPTY, InboxState
from tests.simulation.history import History, InboxRow, id_of, make_event, with_epoch

Rows = dict[str, InboxRow]
DEADLINE_SECONDS = 3.0
"""When a call to the database that has no answer is given up."""


@dataclass
class Condition:
    """How a database answers just now."""

    is_down: bool = False
    slowest: float = 0.01
    """Seconds of the longest way to it, and back."""


class SimulatedDatabase:
    """A database of one deployment. Every commit is a state that a lagging copy may have stopped at.

    `ids` gives the ids of events: none is used twice in a simulation, whatever database it is in.
    """

    def __init__(
        self,
        deployment: str,
        rng: random.Random,
        clock: Callable[[], float],
        *,
        ids: Iterator[int],
        prefix: str,
    ) -> None:
        self.deployment = deployment
        self.rng = rng
        self.condition = Condition()
        self.history = History()
        self.rows: Rows = {}
        self._states: list[Rows] = [{}]
        self._clock = clock
        self._ids = ids
        self._epochs = (f"{prefix}{number}" for number in count(1))
        self._waiting: dict[asyncio.Future[None], None] = {}

    # -- transactions -------------------------------------------------------------------------------------

    def commit(self, inboxes: Sequence[str]) -> list[Event]:
        """Commit one event in each inbox, in one transaction; return the events."""
        events = []
        for inbox in inboxes:
            row = self.rows.get(inbox)
            epoch = next(self._epochs) if row is None else row.epoch
            event = make_event(inbox, row, epoch, next(self._ids))
            self.history.add(event, None if row is None else row.last_id)
            self._put(inbox, _with_event(row, event))
            events.append(event)
        self._save_state()
        return events

    def roll_back(self) -> None:
        """Begin a transaction and roll it back: it has used up an id, and no sequence."""
        next(self._ids)

    def prune(self, inbox: str, keep: int) -> None:
        """Forget all events of an inbox but its newest."""
        row = self.rows.get(inbox)
        if row is not None and len(row.events) > keep:
            kept = row.events[len(row.events) - keep :]
            self._put(inbox, InboxRow(row.epoch, row.position, kept, row.last_id, row.unread))
            self._save_state()

    def repair(self, inbox: str) -> None:
        """Give an inbox a new epoch and an empty log, as `check_inboxes --fix` does."""
        row = self.rows.get(inbox)
        if row is not None:
            empty = InboxRow(row.epoch, row.position, (), row.last_id, row.unread)
            self._put(inbox, with_epoch(empty, next(self._epochs)))
            self._save_state()

    def remove(self, inbox: str) -> None:
        """Remove an inbox, as the deletion of its user does."""
        if inbox in self.rows:
            del self.rows[inbox]
            self.history.note(self._clock(), inbox, None)
            self._save_state()

    def _put(self, inbox: str, row: InboxRow) -> None:
        self.rows[inbox] = row
        self.history.note(self._clock(), inbox, row)

    def _save_state(self) -> None:
        self._states.append(dict(self.rows))

    # -- copies -------------------------------------------------------------------------------------------

    def go_back(self, commits: int, *, renew: bool) -> None:
        """Become the copy that lacks the last commits: a backup, or a standby that lagged.

        With `renew` every inbox gets a new epoch, as by `check_inboxes --restored`.
        """
        del self._states[max(1, len(self._states) - commits) :]
        before, self.rows = self.rows, dict(self._states[-1])
        for inbox in before.keys() | self.rows.keys():
            row = self.rows.get(inbox)
            if row is not None and renew:
                row = with_epoch(row, next(self._epochs))
                self.rows[inbox] = row
                self._expose(row)
            if row is not before.get(inbox):
                self.history.note(self._clock(), inbox, row)
        self._save_state()

    def _expose(self, row: InboxRow) -> None:
        for event in row.events:
            self.history.add(event, None)

    def copy_from(self, other: SimulatedDatabase) -> None:
        """Become a copy of another deployment's database: its inboxes, epochs and history."""
        self.rows = dict(other.rows)
        self.history.committed = dict(other.history.committed)
        self.history.previous = dict(other.history.previous)
        self.history.removed = set(other.history.removed)
        for inbox, row in self.rows.items():
            self.history.note(self._clock(), inbox, row)
        self._save_state()

    # -- connections --------------------------------------------------------------------------------------

    async def cross(self) -> None:
        """Take the time of a way to the database or back. Raises OperationalError when it is down."""
        seconds = self.rng.random() * self.condition.slowest
        if seconds < 0.02:
            await asyncio.sleep(seconds)
        else:
            await self._wait(seconds)
        if self.condition.is_down:
            raise OperationalError("the database is down")

    async def _wait(self, seconds: float) -> None:
        """Wait, but not longer than until the database has recovered."""
        recovered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[recovered] = None
        try:
            await asyncio.wait([recovered], timeout=seconds)
        finally:
            self._waiting.pop(recovered, None)

    def recover(self) -> None:
        """Answer quickly again."""
        self.condition = Condition()
        for recovered in list(self._waiting):
            if not recovered.done():
                recovered.set_result(None)


class Connection:
    """One process's way to the database, with the interface of the log.

    A dead connection does not answer. It is given up after a deadline, and the next one works.
    """

    def __init__(self, database: SimulatedDatabase) -> None:
        self._database = database
        self.is_dead = False

    async def deployment(self) -> str:
        """Return the id of the database."""
        await self._cross()
        return self._database.deployment

    async def heads(self, inboxes: Collection[str]) -> dict[str, Head]:
        """Return the heads as they are at one moment of the call."""
        await self._cross()
        rows = self._database.rows
        found = {name: rows[name].head if name in rows else UNTOUCHED for name in inboxes}
        await self._cross()
        return found

    async def read(self, ranges: Sequence[LogRange], *, limit: int) -> list[list[Event]]:
        """Return the events of each range as they are at one moment of the call."""
        await self._cross()
        pages = [_events_of(self._database.rows.get(each.inbox), each, limit) for each in ranges]
        await self._cross()
        return pages

    async def inbox(self, inbox: str) -> InboxRow | None:
        """Return an inbox with everything in it, as a list shows it."""
        await self._cross()
        row = self._database.rows.get(inbox)
        await self._cross()
        return row

    async def state(self, inbox: str) -> InboxState:
        """Return what a reset reports."""
        row = await self.inbox(inbox)
        return EMPTY if row is None else InboxState(row.position, row.unread, 0, row.unread, 0, 0)

    async def _cross(self) -> None:
        if self.is_dead:
            await asyncio.sleep(DEADLINE_SECONDS)
            self.is_dead = False
            raise OperationalError("no answer within the deadline")
        await self._database.cross()


def _with_event(row: InboxRow | None, event: Event) -> InboxRow:
    before = () if row is None else row.events
    if event.removes:
        # As in the tables: in the transaction of the deletion.
        before = tuple(each.without(event.removes) for each in before)
    return InboxRow(
        event.epoch,
        event.position,
        (*before, event),
        id_of(event),
        event.unread_count,
    )


def _events_of(row: InboxRow | None, part: LogRange, limit: int) -> list[Event]:
    if row is None:
        return []
    start = max(0, part.after + 1 - row.head.first_sequence)
    return [event for event in row.events[start:] if event.sequence <= part.after + limit]
