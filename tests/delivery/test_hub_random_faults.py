"""The hub against a model: whatever goes wrong, in whatever order, every subscriber gets exactly the log."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from live_inbox.delivery.hub import HubConfig
from live_inbox.delivery.log import Head, ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from tests.delivery.fake_layer import Health
from tests.delivery.fake_log import FakeEntry, encode
from tests.delivery.group_names import group_of
from tests.delivery.simulated_hub import Follower, SimulatedHub

pytestmark = pytest.mark.stack("embedded")

INBOXES = ("alice", "bob")
RULES = HubConfig(
    run_length=3, page_length=4, reconcile_seconds=2.0, linger_seconds=3.0, layer_seconds=1.0
)


class AnyTrouble(RuleBasedStateMachine):
    """Doorbells lost, doubled, delayed, reordered; a database that fails, hangs, forgets; people come and go.

    Turns of the loop are rules as well, so everything happens in the middle of everything else.
    """

    def __init__(self) -> None:
        super().__init__()
        self.simulation = SimulatedHub(config=RULES)
        self.simulation.log.has_fingerprints = True
        self.delayed: list[FakeEntry] = []
        self.heads: dict[str, list[Head]] = defaultdict(list)
        """What the head of an inbox has been, in order."""
        self.torn = False
        self.lost: dict[str, set[Position]] = defaultdict(set)
        """Positions of events that the log has lost, and perhaps has others in their places since."""

    # -- the database ------------------------------------------------------------------------------

    @rule(
        inbox=st.sampled_from(INBOXES),
        count=st.integers(1, 9),
        ring=st.sampled_from(["now", "later", "never"]),
    )
    def commit(self, inbox: str, count: int, ring: str) -> None:
        lines = self.simulation.log.write(inbox, count)
        if ring == "now":
            self.deliver(lines)
        elif ring == "later":
            self.delayed += lines
        self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES), keep=st.integers(0, 6))
    def prune(self, inbox: str, keep: int) -> None:
        if inbox in self.simulation.log.inboxes:
            self.simulation.log.prune(inbox, keep=keep)
            self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES), events=st.integers(0, 9))
    def begin_anew(self, inbox: str, events: int) -> None:
        self.simulation.log.recreate(inbox, events=events)
        self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES))
    def vanish(self, inbox: str) -> None:
        if inbox in self.simulation.log.inboxes:
            self.simulation.log.remove(inbox)
            self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES), lost=st.integers(1, 5))
    def go_back(self, inbox: str, lost: int) -> None:
        written = self.simulation.log.inboxes.get(inbox)
        if written is not None and written.last > lost:
            last = written.last - lost
            self.lost[inbox] |= {written.position(n) for n in range(last + 1, written.last + 1)}
            self.simulation.log.go_back(inbox, to=last)
            self.note_heads()

    @rule(inbox=st.sampled_from(INBOXES), back=st.integers(0, 9))
    def tear(self, inbox: str, back: int) -> None:
        written = self.simulation.log.inboxes.get(inbox)
        if written is not None and written.last > back:
            written.torn.add(written.last - back)
            self.torn = True

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
    def let_on(self) -> None:
        self.simulation.log.let_on()

    def note_heads(self) -> None:
        for inbox in INBOXES:
            head = self.simulation.log.head(inbox)
            if self.heads[inbox][-1:] != [head]:
                self.heads[inbox].append(head)

    # -- doorbells ---------------------------------------------------------------------------------

    @precondition(lambda self: self.delayed)
    @rule(data=st.data(), again=st.booleans())
    def hear_late(self, data: st.DataObject, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.delayed) - 1))
        self.deliver([self.delayed[index] if again else self.delayed.pop(index)])

    @rule(inbox=st.sampled_from(INBOXES), frame=st.sampled_from([b"", b"alice e1", b"bob x 1 1"]))
    def hear_nonsense(self, inbox: str, frame: bytes) -> None:
        self.simulation.hub.on_message({inbox: [frame]})

    def deliver(self, lines: list[FakeEntry]) -> None:
        for line in lines:
            self.simulation.hub.on_message({line.inbox: [encode(line)]})

    @rule(health=st.sampled_from(Health))
    def suffer(self, health: Health) -> None:
        self.simulation.layer.health = health

    # -- people ------------------------------------------------------------------------------------

    @rule(inbox=st.sampled_from(INBOXES), data=st.data())
    def come(self, inbox: str, data: st.DataObject) -> None:
        positions = {ORIGIN, Position("foreign", 2)}
        for head in self.heads[inbox][-3:]:
            at = head.position
            positions |= {Position(at.epoch, max(0, at.sequence + n)) for n in (-9, -2, -1, 0, 1)}
        if written := self.simulation.log.inboxes.get(inbox):
            positions |= {written.position(max(0, written.last - n)) for n in (0, 1, 3, 6)}
        positions |= self.lost[inbox]
        known = sorted((p for p in positions if p.epoch or not p.sequence), key=str)
        after = data.draw(st.none() | st.sampled_from(known))
        self.simulation.followers.append(Follower(self.simulation, inbox, after))

    @precondition(lambda self: self.simulation.followers)
    @rule(data=st.data(), what=st.sampled_from(["leave", "dawdle", "hurry"]))
    def someone(self, data: st.DataObject, what: str) -> None:
        follower = data.draw(st.sampled_from(self.simulation.followers))
        if what == "leave":
            follower.leave()
        elif what == "dawdle":
            follower.is_free.clear()
        else:
            follower.is_free.set()

    # -- time --------------------------------------------------------------------------------------

    @rule(turns=st.integers(1, 6))
    def go_on(self, turns: int) -> None:
        for _ in range(turns):
            self.simulation.loop.step()

    @rule()
    def come_to_rest(self) -> None:
        self.simulation.settle()

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
    def pass_time(self, seconds: float) -> None:
        self.simulation.loop.advance(seconds)

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def nobody_has_got_anything_but_the_log(self) -> None:
        # Each follower checks for itself that what it takes has neither gap nor repetition.
        self.simulation.check_followers()
        assert self.simulation.loop.errors == []

    @invariant()
    def from_now_on_is_not_before(self) -> None:
        for follower in self.simulation.followers:
            began, came_at = follower.began, follower.came_at
            lost_any = self.lost[follower.inbox]
            if follower.after is None and began and came_at and not lost_any:
                assert began.epoch != came_at.epoch or began.sequence >= came_at.sequence

    @invariant()
    def every_loss_was_one(self) -> None:
        for follower in self.simulation.followers:
            for position, reason in follower.losses:
                self.check_loss(follower.inbox, position, reason)

    def check_loss(self, inbox: str, position: Position, reason: ResetReason) -> None:
        # Twice in a row, what a head promised was gone when it was read.
        if reason is ResetReason.EXPIRED and (self.torn or self.lost[inbox]):
            return
        if reason is ResetReason.EPOCH and position in self.lost[inbox]:
            return
        untouched_first = Head(ORIGIN, first_sequence=1)
        assert any(head.loss(position) is reason for head in [untouched_first, *self.heads[inbox]])

    def everything_works_again(self) -> None:
        simulation = self.simulation
        simulation.layer.health = Health.WORKS
        simulation.log.failing = False
        simulation.log.release()
        for follower in simulation.followers:
            follower.is_free.set()
        # With many readers the reader pauses after each page of the log, and the loop's time jumps: one page a round.
        longest = max(simulation.log.head(inbox).position.sequence for inbox in INBOXES)
        for _ in range(6 + longest // simulation.hub.config.page_length):
            simulation.reconcile()

    def everybody_is_where_the_log_ends(self) -> None:
        for follower in self.simulation.followers:
            if follower.task.done():
                assert follower.task.cancelled()
                continue
            assert follower.position is not None
            end = self.simulation.log.head(follower.inbox).position
            # An inbox in which nothing has happened yet may have its epoch already.
            assert _is_at(follower.position, end) or (
                follower.position.is_origin and not end.sequence
            )

    def doorbells_arrive_again(self) -> None:
        here = [f for f in self.simulation.followers if not f.task.done()]
        for inbox in {follower.inbox for follower in here}:
            lines = self.simulation.log.write(inbox)
            assert self.simulation.ring_through_layer(lines)
        self.everybody_is_where_the_log_ends()

    def nothing_is_left_when_everybody_has_left(self) -> None:
        for follower in self.simulation.followers:
            follower.leave()
        for _ in range(4):
            self.simulation.reconcile()
        hub = self.simulation.hub
        assert (hub._open_inboxes, hub._reader._reads, hub._reader._opening) == ({}, [], set())
        assert not {group_of(inbox) for inbox in INBOXES} & set(self.simulation.layer.groups)
        calls = len(self.simulation.log.calls)
        self.simulation.reconcile()
        assert len(self.simulation.log.calls) == calls

    def teardown(self) -> None:
        try:
            self.everything_works_again()
            self.everybody_is_where_the_log_ends()
            self.doorbells_arrive_again()
            self.nothing_is_left_when_everybody_has_left()
        finally:
            self.simulation.close()


class AnyTroubleAndThenTheEnd(AnyTrouble):
    """The same, but the hub is stopped in the middle of it all."""

    def teardown(self) -> None:
        stopping = self.simulation.loop.create_task(self.simulation.hub.stop())
        for follower in self.simulation.followers:
            follower.is_free.set()
        self.simulation.settle()
        self.simulation.loop.advance(RULES.layer_seconds)
        assert stopping.done()
        try:
            for follower in self.simulation.followers:
                assert follower.task.cancelled() or follower.ended
        finally:
            self.simulation.close()


def _is_at(position: Position, end: Position) -> bool:
    is_same_place = (position.epoch, position.sequence) == (end.epoch, end.sequence)
    return is_same_place and position.fingerprint in (0, end.fingerprint)


TestAnyTrouble = AnyTrouble.TestCase
TestAnyTroubleAndThenTheEnd = AnyTroubleAndThenTheEnd.TestCase
