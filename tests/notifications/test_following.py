"""Following: events that are told by whoever brings them, on a real hub over a log that suffers everything."""

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
from live_inbox.delivery.hub import HubClosed, HubRules
from live_inbox.delivery.log import Head, Loss
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.events import Reset
from live_inbox.feed import Feed, Following
from tests.delivery.pretend_log import Line, encode
from tests.delivery.stage import Stage

pytestmark = pytest.mark.stack("embedded")

INBOXES = ("alice", "bob")
PORTION = 2
RULES = HubRules(
    run_length=3,
    page_length=4,
    batch_length=PORTION,
    reconcile_seconds=2.0,
    linger_seconds=3.0,
    layer_seconds=1.0,
)
HUB_TASKS = 4
"""One listens, one keeps the groups, one reads the log and one watches."""


class Refusal(Exception):
    """What a teller raises that has had enough."""


class Teller:
    """A door: it follows an inbox, and checks each thing that it is made to tell."""

    def __init__(self, theatre: Theatre, inbox: str, after: Position | None) -> None:
        self._stage = theatre.stage
        self._feed = theatre.feed
        self.inbox = inbox
        self.after = after
        self.following: Following | None = None
        self.position: Position | None = None
        self.told: list[Line] = []
        self.resets: list[tuple[Position, Loss]] = []
        self.failures: list[Exception] = []
        self.has_room = True
        self.stops_at_next = False
        self.fails_at_next = False
        self.is_stopped = False
        self._room: asyncio.Future[None] | None = None
        self.portions: list[Batch[Any]] = []
        self.task = self._stage.loop.create_task(self._open())

    async def _open(self) -> None:
        try:
            self.following = await self._feed.follow(self.inbox, self.after)
        except HubClosed as closed:
            self._failed(closed)
            return
        self.position = self.following.position
        self.following.start(self._tell, self._failed)

    @property
    def sequences(self) -> list[int]:
        """The numbers of what was told."""
        return [line.sequence for line in self.told]

    @property
    def is_over(self) -> bool:
        """Whether nothing may be told any more."""
        return self.is_stopped or bool(self.failures)

    @property
    def lags(self) -> bool:
        """Whether there is a task for this one."""
        task = None if self.following is None else self.following._catching_up
        return task is not None and not task.done()

    def _tell(self, portion: Batch[Any]) -> Awaitable[None] | None:
        self.portions.append(portion)
        items = portion.items
        assert not self.is_over, "told after the end"
        assert self._room is None or self._room.done(), "told without waiting for room"
        assert 0 < len(items) <= PORTION
        if self.fails_at_next:
            raise Refusal
        for item in items:
            self._note(item)
        if self.stops_at_next:
            self.stop()
        if self.has_room:
            return None
        self._room = self._stage.loop.create_future()
        return self._room

    def _note(self, item: Reset | Line) -> None:
        assert self.position is not None
        if isinstance(item, Reset):
            self.resets.append((self.position, item.reason))
        else:
            assert item.inbox == self.inbox
            assert item.sequence == self.position.sequence + 1, "a gap, or a repetition"
            assert self.position.is_origin or item.epoch == self.position.epoch, "another epoch"
            self.told.append(item)
        self.position = item.position

    def _failed(self, error: Exception) -> None:
        self.failures.append(error)

    def lose_room(self) -> None:
        """Be full after what is told next."""
        self.has_room = False

    def gain_room(self) -> None:
        """Have room again."""
        self.has_room = True
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def stop(self) -> None:
        """Have nothing told any more, also if it is not known yet from where."""
        self.is_stopped = True
        if self.following is None:
            self.task.cancel()
        else:
            self.following.stop()


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None]) -> Callable[[Any], None]:
    """Have something called as the event loop calls it, but now, without a turn of the loop."""

    def called(argument: Any) -> None:
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(loop)
        try:
            call(argument)
        finally:
            asyncio._set_running_loop(before)

    return called


class Theatre:
    """A stage with a feed, whose resets read the pretended log as well."""

    def __init__(self, rules: HubRules = RULES) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(feed_module, "in_database_thread", self._state)
        self.stage = Stage(rules=rules)
        self._patch.setattr(
            self.stage.hub, "on_message", on_loop(self.stage.loop, self.stage.hub.on_message)
        )
        self.feed = Feed(cast("Any", self.stage.hub))
        self.tellers: list[Teller] = []

    async def _state(self, read: object, *, user_id: str) -> Any:
        try:
            await self.stage.log.heads((user_id,))
        except ConnectionError as error:
            raise OperationalError from error
        return SimpleNamespace(position=self.stage.log.head(user_id).position, unread_count=0)

    def follow(self, inbox: str, after: Position | None = None) -> Teller:
        """Let somebody come."""
        teller = Teller(self, inbox, after)
        self.tellers.append(teller)
        return teller

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(asyncio.all_tasks(self.stage.loop))

    def strike(self) -> None:
        """Take everything down; fail if something broke where nobody looked."""
        try:
            for teller in self.tellers:
                teller.stop()
            self.stage.strike()
            for teller in self.tellers:
                if teller.task.done() and not teller.task.cancelled():
                    teller.task.result()
        finally:
            self._patch.undo()


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    """A stage in time that stands still."""
    theatre = Theatre()
    yield theatre
    theatre.strike()


class TestWithoutATask:
    def test_what_is_new_is_told_within_the_doorbell(self, theatre: Theatre) -> None:
        tellers = [theatre.follow("alice") for _ in range(50)]
        theatre.stage.settle()
        assert theatre.tasks == HUB_TASKS
        for line in theatre.stage.log.write("alice", 3):
            # No turn of the loop in between.
            theatre.stage.hub.on_message({"alice": [encode(line)]})
            assert {teller.sequences[-1] for teller in tellers} == {line.sequence}
            assert theatre.tasks == HUB_TASKS

    def test_who_resumes_is_told_within_the_start_what_is_at_hand(self, theatre: Theatre) -> None:
        first = theatre.follow("alice")
        theatre.stage.settle()
        position = first.position
        theatre.stage.write("alice", PORTION)
        second = theatre.follow("alice", position)
        theatre.stage.settle()
        assert second.sequences == [1, 2]
        assert theatre.tasks == HUB_TASKS

    def test_a_task_exists_only_as_long_as_there_is_no_room(self, theatre: Theatre) -> None:
        teller = theatre.follow("alice")
        theatre.stage.settle()
        teller.lose_room()
        theatre.stage.write("alice", 1)
        assert (teller.sequences, teller.lags) == ([1], True)
        theatre.stage.write("alice", 2)
        assert teller.sequences == [1]
        teller.gain_room()
        theatre.stage.settle()
        assert (teller.sequences, teller.lags) == ([1, 2, 3], False)
        assert theatre.tasks == HUB_TASKS

    def test_between_portions_it_is_looked_for_room(self, theatre: Theatre) -> None:
        theatre.stage.log.write("alice", 20)
        teller = theatre.follow("alice", Position("e1", 0))
        teller.lose_room()
        for told in range(PORTION, 20, PORTION):
            theatre.stage.settle()
            assert teller.sequences == list(range(1, told + 1))
            teller.gain_room()
            teller.lose_room()
        teller.gain_room()
        theatre.stage.settle()
        assert teller.sequences == list(range(1, 21))
        assert not teller.lags


class TestWhatIsKept:
    """Of what was told, and made of it, nothing: a client that does not read may keep a subscriber waiting for long."""

    @pytest.mark.parametrize("count", [1, PORTION, PORTION + 1, 9])
    @pytest.mark.parametrize("is_rung", [True, False])
    def test_nobody_holds_a_portion_that_was_told(
        self, theatre: Theatre, count: int, is_rung: bool
    ) -> None:
        if is_rung:
            tellers = [theatre.follow("alice") for _ in range(3)]
            theatre.stage.settle()
            theatre.stage.write("alice", count)
        else:
            theatre.stage.log.write("alice", count)
            tellers = [theatre.follow("alice", Position("e1", 0)) for _ in range(3)]
        for teller in tellers:
            teller.lose_room()
        theatre.stage.settle()
        for _ in range(10):
            told = {id(portion): portion for teller in tellers for portion in teller.portions}
            for teller in tellers:
                teller.portions.clear()
            # The dictionary, the variable of this loop and the argument.
            assert {sys.getrefcount(portion) for portion in told.values()} <= {3}
            for teller in tellers:
                teller.gain_room()
                teller.lose_room()
            theatre.stage.settle()
        assert {tuple(teller.sequences) for teller in tellers} == {tuple(range(1, count + 1))}


class TestTheEnd:
    def test_after_the_stop_nothing_is_told_and_nothing_left(self, theatre: Theatre) -> None:
        teller = theatre.follow("alice")
        theatre.stage.settle()
        teller.stop()
        teller.stop()
        theatre.stage.write("alice", 3)
        assert teller.told == []
        theatre.stage.loop.advance(RULES.linger_seconds)
        theatre.stage.watch()
        assert theatre.stage.hub._taps == {}

    def test_a_stop_while_there_is_no_room_ends_the_task(self, theatre: Theatre) -> None:
        teller = theatre.follow("alice")
        theatre.stage.settle()
        teller.lose_room()
        theatre.stage.write("alice", 3)
        teller.gain_room()
        # Room is there, but its task has not run yet.
        teller.stop()
        theatre.stage.settle()
        assert teller.sequences == [1]
        assert theatre.tasks == HUB_TASKS

    @pytest.mark.parametrize("count", [1, PORTION, PORTION + 1, 9, 20])
    @pytest.mark.parametrize("has_room", [True, False])
    def test_a_stop_out_of_the_telling_itself_is_the_end(
        self, theatre: Theatre, count: int, has_room: bool
    ) -> None:
        theatre.stage.log.write("alice", count)
        teller = theatre.follow("alice", Position("e1", 0))
        teller.has_room = has_room
        teller.stops_at_next = True
        theatre.stage.settle()
        assert teller.sequences == list(range(1, min(count, PORTION) + 1))
        assert theatre.tasks == HUB_TASKS

    @pytest.mark.parametrize("count", [1, PORTION + 1, 20])
    def test_a_failure_is_told_once_and_is_the_end(self, theatre: Theatre, count: int) -> None:
        theatre.stage.log.write("alice", count)
        teller = theatre.follow("alice", Position("e1", 0))
        teller.fails_at_next = True
        theatre.stage.settle()
        theatre.stage.write("alice", 1)
        assert [type(error) for error in teller.failures] == [Refusal]
        assert teller.told == []
        assert theatre.tasks == HUB_TASKS

    def test_one_that_fails_does_not_keep_news_from_the_others(self, theatre: Theatre) -> None:
        tellers = [theatre.follow("alice") for _ in range(3)]
        theatre.stage.settle()
        tellers[0].fails_at_next = True
        tellers[1].stops_at_next = True
        theatre.stage.write("alice", 1)
        assert [teller.sequences for teller in tellers] == [[], [1], [1]]

    def test_a_hub_that_stops_is_told_to_all_at_once(self, theatre: Theatre) -> None:
        idle, full, resuming = (theatre.follow("alice") for _ in range(3))
        theatre.stage.settle()
        full.lose_room()
        theatre.stage.write("alice", 1)
        theatre.stage.log.held = True
        resuming.stop()
        resuming = theatre.follow("bob", Position("e9", 1))
        theatre.stage.settle()
        theatre.stage.stop()
        full.gain_room()
        theatre.stage.settle()
        for teller in (idle, full, resuming):
            assert [type(error) for error in teller.failures] == [HubClosed]

    def test_a_reset_whose_state_cannot_be_read_is_told_when_it_can(self, theatre: Theatre) -> None:
        theatre.stage.log.write("alice", 5)
        teller = theatre.follow("alice", Position("another", 3))
        theatre.stage.log.failing = True
        theatre.stage.settle()
        assert teller.resets == []
        theatre.stage.log.failing = False
        theatre.stage.watch()
        assert teller.resets == [(Position("another", 3), Loss.EPOCH)]
        assert teller.position == Position("e1", 5)


class AnyTrouble(RuleBasedStateMachine):
    """Clients without room, that fail and that go; logs that are pruned, renewed and away; doorbells that lie."""

    def __init__(self) -> None:
        super().__init__()
        self.theatre = Theatre()
        self.stage = self.theatre.stage
        self.delayed: list[Line] = []
        self.heads: dict[str, list[Head]] = defaultdict(list)
        """What the head of an inbox has been, in order."""

    # -- the database ------------------------------------------------------------------------------

    @rule(
        inbox=st.sampled_from(INBOXES),
        count=st.integers(1, 9),
        ring=st.sampled_from(["now", "twice", "later", "never"]),
    )
    def commit(self, inbox: str, count: int, ring: str) -> None:
        lines = self.stage.log.write(inbox, count)
        self.note_heads()
        if ring in ("now", "twice"):
            self.hear(lines)
        if ring == "twice":
            self.hear(lines)
        if ring == "later":
            self.delayed += lines

    @precondition(lambda self: self.delayed)
    @rule(data=st.data(), again=st.booleans())
    def hear_late(self, data: st.DataObject, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.delayed) - 1))
        self.hear([self.delayed[index] if again else self.delayed.pop(index)])

    @rule(inbox=st.sampled_from(INBOXES), keep=st.integers(0, 6))
    def prune(self, inbox: str, keep: int) -> None:
        if inbox in self.stage.log.inboxes:
            self.stage.log.prune(inbox, keep=keep)
            self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES), events=st.integers(0, 9))
    def renew_epoch(self, inbox: str, events: int) -> None:
        self.stage.log.recreate(inbox, events=events)
        self.note_heads()

    @rule(failing=st.booleans())
    def fail(self, failing: bool) -> None:
        self.stage.log.failing = failing

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.stage.log.held = held
        if not held:
            self.stage.log.release()

    @precondition(lambda self: self.stage.log.is_stopped)
    @rule()
    def let_on(self) -> None:
        self.stage.log.let_on()

    def hear(self, lines: list[Line]) -> None:
        for line in lines:
            self.stage.hub.on_message({line.inbox: [encode(line)]})

    def note_heads(self) -> None:
        for inbox in INBOXES:
            head = self.stage.log.head(inbox)
            if self.heads[inbox][-1:] != [head]:
                self.heads[inbox].append(head)

    # -- people ------------------------------------------------------------------------------------

    @rule(inbox=st.sampled_from(INBOXES), data=st.data(), has_room=st.booleans())
    def come(self, inbox: str, data: st.DataObject, has_room: bool) -> None:
        positions = {ORIGIN, Position("foreign", 2)}
        for head in self.heads[inbox][-3:]:
            at = head.position
            positions |= {Position(at.epoch, max(0, at.sequence + n)) for n in (-9, -2, -1, 0, 1)}
        known = sorted((p for p in positions if p.epoch or not p.sequence), key=str)
        teller = self.theatre.follow(inbox, data.draw(st.none() | st.sampled_from(known)))
        teller.has_room = has_room

    @precondition(lambda self: self.here)
    @rule(data=st.data(), what=st.sampled_from(["full", "room", "stop", "stop soon", "fail soon"]))
    def someone(self, data: st.DataObject, what: str) -> None:
        teller = data.draw(st.sampled_from(self.here))
        match what:
            case "full":
                teller.lose_room()
            case "room":
                teller.gain_room()
            case "stop":
                teller.stop()
            case "stop soon":
                teller.stops_at_next = True
            case "fail soon":
                teller.fails_at_next = True

    @property
    def here(self) -> list[Teller]:
        return [teller for teller in self.theatre.tellers if not teller.is_over]

    # -- time --------------------------------------------------------------------------------------

    @rule(turns=st.integers(1, 6))
    def go_on(self, turns: int) -> None:
        for _ in range(turns):
            self.stage.loop.step()

    @rule()
    def come_to_rest(self) -> None:
        self.stage.settle()

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
    def pass_time(self, seconds: float) -> None:
        self.stage.loop.advance(seconds)

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def nothing_broke_where_nobody_looked(self) -> None:
        # Each teller checks for itself that what it tells has neither gap nor repetition.
        assert self.stage.loop.errors == []
        for teller in self.theatre.tellers:
            assert [type(error) for error in teller.failures] in ([], [Refusal])

    @invariant()
    def every_reset_was_owed(self) -> None:
        for teller in self.theatre.tellers:
            for position, reason in teller.resets:
                heads = [Head(ORIGIN, first_sequence=1), *self.heads[teller.inbox]]
                assert any(head.loss(position) is reason for head in heads)

    def everything_works_again(self) -> None:
        self.stage.log.failing = False
        self.stage.log.release()
        for teller in self.theatre.tellers:
            teller.gain_room()
        for _ in range(6):
            self.stage.watch()

    def everybody_was_told_everything(self) -> None:
        for teller in self.here:
            end = self.stage.log.head(teller.inbox).position
            assert teller.position is not None
            assert teller.position == end or (teller.position.is_origin and not end.sequence)
        assert not any(teller.lags for teller in self.theatre.tellers)
        assert self.theatre.tasks == HUB_TASKS

    def nobody_is_told_anything_after_the_end(self) -> None:
        for teller in self.here:
            teller.stop()
        for inbox in INBOXES:
            self.stage.write(inbox, 2)
        for _ in range(4):
            self.stage.watch()
        assert (self.stage.hub._taps, self.stage.hub._reads) == ({}, [])
        assert self.theatre.tasks == HUB_TASKS

    def teardown(self) -> None:
        try:
            self.everything_works_again()
            self.everybody_was_told_everything()
            self.nobody_is_told_anything_after_the_end()
        finally:
            self.theatre.strike()


class AnyTroubleAndThenTheEnd(AnyTrouble):
    """The same, but the hub is stopped in the middle of it all."""

    def teardown(self) -> None:
        before = {teller: len(teller.failures) for teller in self.theatre.tellers}
        ending = self.here
        stopping = self.stage.loop.create_task(self.stage.hub.stop())
        self.stage.settle()
        for teller in self.theatre.tellers:
            teller.gain_room()
        self.stage.log.release()
        self.stage.settle()
        self.stage.loop.advance(RULES.layer_seconds)
        try:
            assert stopping.done()
            for teller, failures in before.items():
                if teller not in ending:
                    assert len(teller.failures) == failures
                elif not teller.is_stopped:
                    assert len(teller.failures) == 1
            assert self.theatre.tasks == 0
        finally:
            self.theatre.strike()


TestAnyTrouble = AnyTrouble.TestCase
TestAnyTroubleAndThenTheEnd = AnyTroubleAndThenTheEnd.TestCase
for each in (TestAnyTrouble, TestAnyTroubleAndThenTheEnd):
    each.settings = settings(max_examples=40)
