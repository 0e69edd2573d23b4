"""Following: events that the hub delivers synchronously, on a real hub over a fake log with every kind of fault."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import OperationalError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from live_inbox import feed as feed_module
from live_inbox.delivery.batch import Batch
from live_inbox.delivery.hub import HubClosed, HubConfig
from live_inbox.delivery.log import Head, ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.events import Reset
from live_inbox.feed import Feed, Following
from tests.delivery.fake_log import FakeEntry, encode
from tests.delivery.simulated_hub import SimulatedHub

pytestmark = pytest.mark.stack("embedded")

INBOXES = ("alice", "bob")
BATCH = 2
RULES = HubConfig(
    run_length=3,
    page_length=4,
    batch_length=BATCH,
    reconcile_seconds=2.0,
    linger_seconds=3.0,
    layer_seconds=1.0,
)
HUB_TASKS = 4
"""One listens, one keeps the groups, one reads the log and one reconciles."""


class Refusal(Exception):
    """What a failing client raises."""


class FakeClient:
    """Stands for a socket: it follows an inbox, and checks each batch that is delivered to it."""

    def __init__(self, setup: FeedSetup, inbox: str, after: Position | None) -> None:
        self._stage = setup.simulation
        self._feed = setup.feed
        self.inbox = inbox
        self.after = after
        self.following: Following | None = None
        self.position: Position | None = None
        self.received: list[FakeEntry] = []
        self.resets: list[tuple[Position, ResetReason]] = []
        self.failures: list[Exception] = []
        self.has_room = True
        self.stops_at_next = False
        self.fails_at_next = False
        self.is_stopped = False
        self._room: asyncio.Future[None] | None = None
        self.batches: list[Batch[Any]] = []
        self.task = self._stage.loop.create_task(self._open())

    async def _open(self) -> None:
        try:
            self.following = await self._feed.follow(self.inbox, self.after)
        except HubClosed as closed:
            self._failed(closed)
            return
        self.position = self.following.position
        self.following.start(self._deliver, self._failed)

    @property
    def sequences(self) -> list[int]:
        """The sequence numbers of what was delivered."""
        return [line.sequence for line in self.received]

    @property
    def is_over(self) -> bool:
        """Whether nothing may be delivered any more."""
        return self.is_stopped or bool(self.failures)

    @property
    def lags(self) -> bool:
        """Whether there is a task for this client."""
        task = None if self.following is None else self.following._catching_up
        return task is not None and not task.done()

    def _deliver(self, batch: Batch[Any]) -> Awaitable[None] | None:
        self.batches.append(batch)
        items = batch.items
        assert not self.is_over, "delivered after the end"
        assert self._room is None or self._room.done(), "delivered without waiting for room"
        assert 0 < len(items) <= BATCH
        if self.fails_at_next:
            raise Refusal
        for item in items:
            self._record(item)
        assert self.following is not None
        assert self.position is not None
        assert self.following.delivered_through == self.position.sequence
        if self.stops_at_next:
            self.stop()
        if self.has_room:
            return None
        self._room = self._stage.loop.create_future()
        return self._room

    def _record(self, item: Reset | FakeEntry) -> None:
        assert self.position is not None
        if isinstance(item, Reset):
            self.resets.append((self.position, item.reason))
        else:
            assert item.inbox == self.inbox
            assert item.sequence == self.position.sequence + 1, "a gap, or a repetition"
            assert self.position.is_origin or item.epoch == self.position.epoch, "another epoch"
            self.received.append(item)
        self.position = item.position

    def _failed(self, error: Exception) -> None:
        self.failures.append(error)

    def lose_room(self) -> None:
        """Have no room after the next batch."""
        self.has_room = False

    def gain_room(self) -> None:
        """Have room again."""
        self.has_room = True
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def stop(self) -> None:
        """Stop following, also while the subscription is still being opened."""
        self.is_stopped = True
        if self.following is None:
            self.task.cancel()
        else:
            self.following.stop()


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a function that runs `call` as the event loop would, but at once, without an iteration of the loop."""

    def called(argument: Any) -> None:
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(loop)
        try:
            call(argument)
        finally:
            asyncio._set_running_loop(before)

    return called


class FeedSetup:
    """A hub with a feed and clients, whose resets read the fake log as well."""

    def __init__(self, config: HubConfig = RULES) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(feed_module, "in_database_thread", self._state)
        self.simulation = SimulatedHub(config=config)
        self._patch.setattr(
            self.simulation.hub,
            "on_message",
            on_loop(self.simulation.loop, self.simulation.hub.on_message),
        )
        self.feed = Feed(cast("Any", self.simulation.hub))
        self.clients: list[FakeClient] = []

    async def _state(self, read: object, *, user_id: str) -> Any:
        try:
            await self.simulation.log.heads((user_id,))
        except ConnectionError as error:
            raise OperationalError from error
        position = self.simulation.log.head(user_id).position
        return SimpleNamespace(position=position, unread_count=0, unseen_count=0)

    def follow(self, inbox: str, after: Position | None = None) -> FakeClient:
        """Open a client."""
        client = FakeClient(self, inbox, after)
        self.clients.append(client)
        return client

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(asyncio.all_tasks(self.simulation.loop))

    def close(self) -> None:
        """Stop everything; fail if a task has failed unnoticed."""
        try:
            for client in self.clients:
                client.stop()
            self.simulation.close()
            for client in self.clients:
                if client.task.done() and not client.task.cancelled():
                    client.task.result()
                for error in client.failures:
                    # A check of the client, which the feed takes for a failure of its socket.
                    if isinstance(error, AssertionError):
                        raise error
        finally:
            self._patch.undo()


@pytest.fixture
def setup() -> Iterator[FeedSetup]:
    """A feed whose clock stands still."""
    setup = FeedSetup()
    yield setup
    setup.close()


class TestWithoutATask:
    def test_new_events_are_delivered_within_the_doorbell(self, setup: FeedSetup) -> None:
        setup.simulation.log.write("alice")
        clients = [setup.follow("alice") for _ in range(50)]
        setup.simulation.settle()
        assert setup.tasks == HUB_TASKS
        for line in setup.simulation.log.write("alice", 3):
            # No turn of the loop in between.
            setup.simulation.hub.on_message({"alice": [encode(line)]})
            assert {client.sequences[-1] for client in clients} == {line.sequence}
            assert setup.tasks == HUB_TASKS

    def test_a_resuming_client_gets_what_is_in_memory_within_the_start(
        self, setup: FeedSetup
    ) -> None:
        first = setup.follow("alice")
        setup.simulation.settle()
        position = first.position
        setup.simulation.write("alice", BATCH)
        second = setup.follow("alice", position)
        setup.simulation.settle()
        assert second.sequences == [1, 2]
        assert setup.tasks == HUB_TASKS

    def test_a_task_exists_only_as_long_as_there_is_no_room(self, setup: FeedSetup) -> None:
        client = setup.follow("alice")
        setup.simulation.settle()
        client.lose_room()
        setup.simulation.write("alice", 1)
        assert (client.sequences, client.lags) == ([1], True)
        setup.simulation.write("alice", 2)
        assert client.sequences == [1]
        client.gain_room()
        setup.simulation.settle()
        assert (client.sequences, client.lags) == ([1, 2, 3], False)
        assert setup.tasks == HUB_TASKS

    def test_room_is_awaited_between_batches(self, setup: FeedSetup) -> None:
        setup.simulation.log.write("alice", 20)
        client = setup.follow("alice", Position("e1", 0))
        client.lose_room()
        for delivered in range(BATCH, 20, BATCH):
            setup.simulation.settle()
            assert client.sequences == list(range(1, delivered + 1))
            client.gain_room()
            client.lose_room()
        client.gain_room()
        setup.simulation.settle()
        assert client.sequences == list(range(1, 21))
        assert not client.lags


class TestWhatIsKept:
    """No batch that was delivered, and nothing encoded: a client that does not read may keep a subscriber waiting."""

    @pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, 9])
    @pytest.mark.parametrize("by_doorbell", [True, False])
    def test_a_batch_that_was_delivered_is_freed(
        self, setup: FeedSetup, count: int, by_doorbell: bool
    ) -> None:
        if by_doorbell:
            clients = [setup.follow("alice") for _ in range(3)]
            setup.simulation.settle()
            setup.simulation.write("alice", count)
        else:
            setup.simulation.log.write("alice", count)
            clients = [setup.follow("alice", Position("e1", 0)) for _ in range(3)]
        for client in clients:
            client.lose_room()
        setup.simulation.settle()
        for _ in range(10):
            delivered = {id(batch): batch for client in clients for batch in client.batches}
            for client in clients:
                client.batches.clear()
            # Nothing but the dictionary: as many as an object has that is in no other place. (Python 3.14 does
            # not count variables.)
            alone = {sys.getrefcount(only) for only in {0: object()}.values()}
            assert {sys.getrefcount(batch) for batch in delivered.values()} <= alone
            for client in clients:
                client.gain_room()
                client.lose_room()
            setup.simulation.settle()
        assert {tuple(client.sequences) for client in clients} == {tuple(range(1, count + 1))}


class TestTheEnd:
    def test_after_the_stop_nothing_is_delivered_and_nothing_left(self, setup: FeedSetup) -> None:
        client = setup.follow("alice")
        setup.simulation.settle()
        client.stop()
        client.stop()
        setup.simulation.write("alice", 3)
        assert client.received == []
        setup.simulation.loop.advance(RULES.linger_seconds)
        setup.simulation.reconcile()
        assert setup.simulation.hub._open_inboxes == {}

    def test_a_stop_while_there_is_no_room_ends_the_task(self, setup: FeedSetup) -> None:
        setup.simulation.log.write("alice")
        client = setup.follow("alice")
        setup.simulation.settle()
        client.lose_room()
        setup.simulation.write("alice", 3)
        client.gain_room()
        # Room is there, but its task has not run yet.
        client.stop()
        setup.simulation.settle()
        assert client.sequences == [2]
        assert setup.tasks == HUB_TASKS

    @pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, 9, 20])
    @pytest.mark.parametrize("has_room", [True, False])
    def test_a_stop_from_within_a_delivery_is_the_end(
        self, setup: FeedSetup, count: int, has_room: bool
    ) -> None:
        setup.simulation.log.write("alice", count)
        client = setup.follow("alice", Position("e1", 0))
        client.has_room = has_room
        client.stops_at_next = True
        setup.simulation.settle()
        assert client.sequences == list(range(1, min(count, BATCH) + 1))
        assert setup.tasks == HUB_TASKS

    def test_a_client_that_is_stopped_by_another_gets_nothing_of_the_same_fan_out(
        self, setup: FeedSetup
    ) -> None:
        first, second = setup.follow("alice"), setup.follow("alice")
        deliver = first._deliver

        def stop_the_other(batch: Batch[Any]) -> Awaitable[None] | None:
            second.stop()
            return deliver(batch)

        first._deliver = stop_the_other  # type: ignore[method-assign]
        setup.simulation.settle()
        setup.simulation.write("alice")
        assert first.sequences == [1]
        assert (second.sequences, second.failures) == ([], [])

    @pytest.mark.parametrize("count", [1, BATCH + 1, 20])
    def test_a_failure_is_reported_once_and_is_the_end(self, setup: FeedSetup, count: int) -> None:
        setup.simulation.log.write("alice", count)
        client = setup.follow("alice", Position("e1", 0))
        client.fails_at_next = True
        setup.simulation.settle()
        setup.simulation.write("alice", 1)
        assert [type(error) for error in client.failures] == [Refusal]
        assert client.received == []
        assert setup.tasks == HUB_TASKS

    def test_a_client_that_fails_does_not_keep_events_from_the_others(
        self, setup: FeedSetup
    ) -> None:
        clients = [setup.follow("alice") for _ in range(3)]
        setup.simulation.settle()
        clients[0].fails_at_next = True
        clients[1].stops_at_next = True
        setup.simulation.write("alice", 1)
        assert [client.sequences for client in clients] == [[], [1], [1]]

    def test_a_hub_that_stops_is_reported_to_all_at_once(self, setup: FeedSetup) -> None:
        idle, full, resuming = (setup.follow("alice") for _ in range(3))
        setup.simulation.settle()
        full.lose_room()
        setup.simulation.write("alice", 1)
        setup.simulation.log.held = True
        resuming.stop()
        resuming = setup.follow("bob", Position("e9", 1))
        setup.simulation.settle()
        setup.simulation.stop()
        full.gain_room()
        setup.simulation.settle()
        for client in (idle, full, resuming):
            assert [type(error) for error in client.failures] == [HubClosed]

    def test_a_reset_whose_state_cannot_be_read_is_delivered_when_it_can(
        self, setup: FeedSetup
    ) -> None:
        setup.simulation.log.write("alice", 5)
        client = setup.follow("alice", Position("another", 3))
        setup.simulation.log.failing = True
        setup.simulation.settle()
        assert client.resets == []
        setup.simulation.log.failing = False
        setup.simulation.reconcile()
        assert client.resets == [(Position("another", 3), ResetReason.EPOCH)]
        assert client.position == Position("e1", 5)


class AnyTrouble(RuleBasedStateMachine):
    """Clients without room, that fail and that leave; logs that are pruned, recreated and away; wrong doorbells."""

    def __init__(self) -> None:
        super().__init__()
        self.setup = FeedSetup()
        self.simulation = self.setup.simulation
        self.delayed: list[FakeEntry] = []
        self.heads: dict[str, list[Head]] = defaultdict(list)
        """The heads that each inbox has had, in order."""

    # -- the database ------------------------------------------------------------------------------

    @rule(
        inbox=st.sampled_from(INBOXES),
        count=st.integers(1, 9),
        doorbell=st.sampled_from(["now", "twice", "later", "never"]),
    )
    def commit(self, inbox: str, count: int, doorbell: str) -> None:
        lines = self.simulation.log.write(inbox, count)
        self.note_heads()
        if doorbell in ("now", "twice"):
            self.receive(lines)
        if doorbell == "twice":
            self.receive(lines)
        if doorbell == "later":
            self.delayed += lines

    @precondition(lambda self: self.delayed)
    @rule(data=st.data(), again=st.booleans())
    def deliver_late(self, data: st.DataObject, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.delayed) - 1))
        self.receive([self.delayed[index] if again else self.delayed.pop(index)])

    @rule(inbox=st.sampled_from(INBOXES), keep=st.integers(0, 6))
    def prune(self, inbox: str, keep: int) -> None:
        if inbox in self.simulation.log.inboxes:
            self.simulation.log.prune(inbox, keep=keep)
            self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES), events=st.integers(0, 9))
    def renew_epoch(self, inbox: str, events: int) -> None:
        self.simulation.log.recreate(inbox, events=events)
        self.note_heads()

    @rule(failing=st.booleans())
    def fail(self, failing: bool) -> None:
        self.simulation.log.failing = failing

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.simulation.log.held = held
        if not held:
            self.simulation.log.release()

    @precondition(lambda self: self.simulation.log.is_stopped)
    @rule()
    def resume_log(self) -> None:
        self.simulation.log.let_on()

    def receive(self, lines: list[FakeEntry]) -> None:
        for line in lines:
            self.simulation.hub.on_message({line.inbox: [encode(line)]})

    def note_heads(self) -> None:
        for inbox in INBOXES:
            head = self.simulation.log.head(inbox)
            if self.heads[inbox][-1:] != [head]:
                self.heads[inbox].append(head)

    # -- clients -----------------------------------------------------------------------------------

    @rule(inbox=st.sampled_from(INBOXES), data=st.data(), has_room=st.booleans())
    def open_client(self, inbox: str, data: st.DataObject, has_room: bool) -> None:
        positions = {ORIGIN, Position("foreign", 2)}
        for head in self.heads[inbox][-3:]:
            at = head.position
            positions |= {Position(at.epoch, max(0, at.sequence + n)) for n in (-9, -2, -1, 0, 1)}
        known = sorted((p for p in positions if p.epoch or not p.sequence), key=str)
        client = self.setup.follow(inbox, data.draw(st.none() | st.sampled_from(known)))
        client.has_room = has_room

    @precondition(lambda self: self.open_clients)
    @rule(data=st.data(), what=st.sampled_from(["full", "room", "stop", "stop soon", "fail soon"]))
    def act(self, data: st.DataObject, what: str) -> None:
        client = data.draw(st.sampled_from(self.open_clients))
        match what:
            case "full":
                client.lose_room()
            case "room":
                client.gain_room()
            case "stop":
                client.stop()
            case "stop soon":
                client.stops_at_next = True
            case "fail soon":
                client.fails_at_next = True

    @property
    def open_clients(self) -> list[FakeClient]:
        return [client for client in self.setup.clients if not client.is_over]

    # -- time --------------------------------------------------------------------------------------

    @rule(iterations=st.integers(1, 6))
    def run_iterations(self, iterations: int) -> None:
        for _ in range(iterations):
            self.simulation.loop.step()

    @rule()
    def settle(self) -> None:
        self.simulation.settle()

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
    def pass_time(self, seconds: float) -> None:
        self.simulation.loop.advance(seconds)

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def no_task_failed_unnoticed(self) -> None:
        # Each client checks for itself that what it receives has neither gap nor repetition.
        assert self.simulation.loop.errors == []
        for client in self.setup.clients:
            assert [type(error) for error in client.failures] in ([], [Refusal])

    @invariant()
    def every_reset_was_owed(self) -> None:
        for client in self.setup.clients:
            for position, reason in client.resets:
                heads = [Head(ORIGIN, first_sequence=1), *self.heads[client.inbox]]
                assert any(head.loss(position) is reason for head in heads)

    def everything_works_again(self) -> None:
        self.simulation.log.failing = False
        self.simulation.log.release()
        for client in self.setup.clients:
            client.gain_room()
        # With many readers the reader pauses after each page of the log, and the loop's time jumps: one page a round.
        longest = max(self.simulation.log.head(inbox).position.sequence for inbox in INBOXES)
        for _ in range(6 + longest // self.simulation.hub.config.page_length):
            self.simulation.reconcile()

    def everything_was_delivered(self) -> None:
        for client in self.open_clients:
            end = self.simulation.log.head(client.inbox).position
            assert client.position is not None
            assert client.position == end or (client.position.is_origin and not end.sequence)
        assert not any(client.lags for client in self.setup.clients)
        assert self.setup.tasks == HUB_TASKS

    def nothing_is_delivered_after_the_end(self) -> None:
        for client in self.open_clients:
            client.stop()
        for inbox in INBOXES:
            self.simulation.write(inbox, 2)
        for _ in range(4):
            self.simulation.reconcile()
        assert (self.simulation.hub._open_inboxes, self.simulation.hub._reader._reads) == ({}, [])
        assert self.setup.tasks == HUB_TASKS

    def teardown(self) -> None:
        try:
            self.everything_works_again()
            self.everything_was_delivered()
            self.nothing_is_delivered_after_the_end()
        finally:
            self.setup.close()


class AnyTroubleAndThenTheEnd(AnyTrouble):
    """The same, but the hub is stopped in the middle of it all."""

    def teardown(self) -> None:
        before = {client: len(client.failures) for client in self.setup.clients}
        ending = self.open_clients
        stopping = self.simulation.loop.create_task(self.simulation.hub.stop())
        self.simulation.settle()
        for client in self.setup.clients:
            client.gain_room()
        self.simulation.log.release()
        self.simulation.settle()
        self.simulation.loop.advance(RULES.layer_seconds)
        try:
            assert stopping.done()
            for client, failures in before.items():
                if client not in ending:
                    assert len(client.failures) == failures
                elif not client.is_stopped:
                    assert len(client.failures) == 1
            assert self.setup.tasks == 0
        finally:
            self.setup.close()


TestAnyTrouble = AnyTrouble.TestCase
TestAnyTroubleAndThenTheEnd = AnyTroubleAndThenTheEnd.TestCase
for each in (TestAnyTrouble, TestAnyTroubleAndThenTheEnd):
    each.settings = settings(max_examples=40)
