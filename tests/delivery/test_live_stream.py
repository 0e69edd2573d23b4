from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.live_stream import LiveStream, Verdict
from live_inbox.delivery.position import ORIGIN, Position
from tests.delivery.fake_log import ERASED, FakeEntry

pytestmark = pytest.mark.stack("embedded")


START = Position("a", 0)
"""Before the first event of a log that has begun."""


def a(sequence: int) -> FakeEntry:
    return FakeEntry("alice", "a", sequence)


def b(sequence: int) -> FakeEntry:
    return FakeEntry("alice", "b", sequence)


def anchored(at: Position, *lines: FakeEntry, capacity: int = 4) -> LiveStream[FakeEntry]:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=capacity, batch_length=2)
    stream.anchor(at)
    for line in lines:
        assert stream.offer(line) is Verdict.APPENDED
    return stream


def following(stream: LiveStream[FakeEntry], sequence: int) -> list[FakeEntry] | None:
    """Everything that follows a sequence, batch after batch."""
    lines: list[FakeEntry] = []
    while True:
        batch = stream.since(sequence)
        if batch is None:
            assert not lines, "what follows a batch is at hand if it was"
            return None
        assert len(batch.items) <= 2
        lines += batch.items
        if not batch.items:
            return lines
        sequence = batch.items[-1].sequence
        assert batch.is_last is (sequence == stream.head.sequence)


def batch_after(stream: LiveStream[FakeEntry], sequence: int) -> Batch[FakeEntry]:
    batch = stream.since(sequence)
    assert batch is not None
    return batch


def held(stream: LiveStream[FakeEntry]) -> Sequence[FakeEntry]:
    """Everything that is in the run."""
    for sequence in range(stream.head.sequence + 1):
        run = following(stream, sequence)
        if run is not None:
            return run
    raise AssertionError("A stream knows at least what follows its head.")


# -- verdicts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        (a(8), Verdict.APPENDED),
        (a(7), Verdict.KNOWN),
        (a(6), Verdict.KNOWN),
        (a(5), Verdict.KNOWN),
        (a(1), Verdict.KNOWN),
        (a(9), Verdict.GAP),
        (a(1000), Verdict.GAP),
        (b(8), Verdict.FOREIGN),
        (b(1), Verdict.FOREIGN),
    ],
)
def test_an_entry_is_judged_by_the_run(entry: FakeEntry, verdict: Verdict) -> None:
    stream = anchored(Position("a", 5), a(6), a(7))
    assert stream.offer(entry) is verdict
    expected = [a(6), a(7), a(8)] if verdict is Verdict.APPENDED else [a(6), a(7)]
    assert following(stream, 5) == expected
    assert stream.head == Position("a", len(expected) + 5)
    assert stream.generation == 1


def wrong(entry: FakeEntry) -> FakeEntry:
    """Return another entry of the same place."""
    return replace(entry, text="wrong")


def test_an_entry_that_differs_from_the_run_is_a_contradiction() -> None:
    stream = anchored(Position("a", 5), a(6), a(7))
    assert [stream.offer(entry) for entry in (a(6), a(7))] == [Verdict.KNOWN] * 2
    assert [stream.offer(wrong(entry)) for entry in (a(6), a(7))] == [Verdict.CONTRADICTED] * 2
    # What is older than the run cannot be compared, and another epoch is not compared.
    assert stream.offer(wrong(a(5))) is Verdict.KNOWN
    assert stream.offer(wrong(b(6))) is Verdict.FOREIGN
    assert [stream.held(sequence) for sequence in (5, 6, 7, 8)] == [None, a(6), a(7), None]
    assert stream.generation == 1


def test_an_untouched_inbox_takes_its_epoch_from_the_log_and_never_from_an_event() -> None:
    stream = anchored(ORIGIN)
    assert stream.head == ORIGIN
    assert [stream.offer(entry) for entry in (a(1), a(2), b(1))] == [Verdict.FIRST] * 3
    assert stream.head == ORIGIN
    stream.begin_epoch("")
    assert stream.head == ORIGIN
    stream.begin_epoch("b")
    assert stream.head == Position("b", 0)
    assert stream.covers(ORIGIN)
    assert stream.generation == 1
    stream.begin_epoch("a")
    assert stream.offer(b(1)) is Verdict.APPENDED
    assert stream.head == Position("b", 1)
    assert stream.offer(a(2)) is Verdict.FOREIGN
    assert stream.offer(b(2)) is Verdict.APPENDED
    assert following(stream, 0) == [b(1), b(2)]


# -- what was removed ---------------------------------------------------------------------------------------


def removal(sequence: int, removed: int) -> FakeEntry:
    return replace(a(sequence), removes=(removed,))


def test_what_was_removed_is_erased_from_the_run() -> None:
    lines = [replace(a(n), text=f"content {n}") for n in (6, 7, 8)]
    stream = anchored(Position("a", 5), *lines, removal(9, 7))
    assert following(stream, 5) == [
        lines[0],
        replace(a(7), text=ERASED),
        lines[2],
        removal(9, 7),
    ]
    assert stream.covers(Position("a", 6))


def test_what_came_early_is_erased_too() -> None:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=4, batch_length=2)
    stream.offer(removal(7, 6))
    stream.offer(replace(a(6), text="content"))
    stream.anchor(Position("a", 5))
    assert following(stream, 5) == [replace(a(6), text=ERASED), removal(7, 6)]


def test_a_batch_of_before_is_not_given_after_the_removal() -> None:
    stream = anchored(Position("a", 5), replace(a(6), text="content"))
    stream.enable_cache()
    assert [line.text for line in batch_after(stream, 5).items] == ["content"]
    stream.offer(removal(7, 6))
    assert [line.text for line in batch_after(stream, 5).items] == [ERASED, ""]


def test_nothing_keeps_what_was_removed_when_nobody_reads() -> None:
    stream = anchored(Position("a", 5), replace(a(6), text="content"), removal(7, 6))
    stream.age()
    assert [getattr(stream.held(n), "text", None) for n in (6, 7)] == [ERASED, ""]


@pytest.mark.parametrize(("first", "second"), [("content", ERASED), (ERASED, "content")])
def test_an_erased_entry_and_the_whole_one_are_the_same(first: str, second: str) -> None:
    """A doorbell that is still under way has the content, and the log has it no more."""
    stream = anchored(Position("a", 5), replace(a(6), text=first))
    assert stream.offer(replace(a(6), text=second)) is Verdict.KNOWN
    assert following(stream, 5) == [replace(a(6), text=first)]


# -- before and after the anchor -----------------------------------------------------------------------------


def test_what_comes_early_is_judged_when_the_run_begins() -> None:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=4, batch_length=2)
    assert not stream.is_anchored
    assert not stream.covers(ORIGIN)
    for entry in (a(4), a(5), a(6)):
        assert stream.offer(entry) is Verdict.EARLY
    stream.anchor(Position("a", 4))
    assert stream.is_anchored
    assert following(stream, 4) == [a(5), a(6)]
    assert stream.generation == 1


def test_what_comes_early_may_come_in_any_order() -> None:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=4, batch_length=2)
    for entry in (a(7), a(5), a(6), a(5)):
        stream.offer(entry)
    assert stream.anchor(Position("a", 4)) is True
    assert following(stream, 4) == [a(5), a(6), a(7)]


def test_the_anchor_shows_when_early_entries_do_not_join() -> None:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=4, batch_length=2)
    stream.offer(a(7))
    assert stream.anchor(Position("a", 5)) is False
    assert following(stream, 5) == []

    stream = LiveStream(capacity=4, batch_length=2)
    stream.offer(b(6))
    assert stream.anchor(Position("a", 5)) is False
    assert following(stream, 5) == []

    stream = LiveStream(capacity=4, batch_length=2)
    stream.offer(a(3))
    assert stream.anchor(Position("a", 5)) is True


def test_only_the_newest_early_entries_are_kept() -> None:
    stream: LiveStream[FakeEntry] = LiveStream(capacity=2, batch_length=2)
    for sequence in (5, 6, 7):
        stream.offer(a(sequence))
    stream.anchor(Position("a", 4))
    assert following(stream, 4) == []
    assert stream.offer(a(5)) is Verdict.APPENDED


def test_a_new_anchor_begins_a_new_generation_without_the_old_run() -> None:
    stream = anchored(Position("a", 5), a(6), a(7))
    stream.anchor(Position("b", 2))
    assert stream.generation == 2
    assert stream.head == Position("b", 2)
    assert following(stream, 2) == []
    assert following(stream, 1) is None
    assert stream.offer(a(8)) is Verdict.FOREIGN
    assert stream.offer(b(3)) is Verdict.APPENDED


# -- what it holds -------------------------------------------------------------------------------------------


def test_since_returns_what_follows_or_that_it_does_not_know() -> None:
    stream = anchored(Position("a", 5), a(6), a(7))
    assert following(stream, 4) is None
    assert following(stream, 5) == [a(6), a(7)]
    assert following(stream, 6) == [a(7)]
    assert following(stream, 7) == []
    assert following(stream, 8) == []


@pytest.mark.parametrize(
    ("position", "covered"),
    [
        (Position("a", 4), False),
        (Position("a", 5), True),
        (Position("a", 6), True),
        (Position("a", 7), True),
        (Position("a", 8), False),
        (Position("b", 6), False),
        (ORIGIN, False),
    ],
)
def test_a_position_is_covered_if_all_that_follows_is_in_the_run(
    position: Position, covered: bool
) -> None:
    assert anchored(Position("a", 5), a(6), a(7)).covers(position) is covered


def test_the_origin_is_covered_by_a_run_that_begins_with_the_first_event() -> None:
    assert anchored(ORIGIN).covers(ORIGIN)
    assert anchored(Position("a", 0), a(1), a(2)).covers(ORIGIN)
    assert anchored(Position("a", 0), a(1)).covers(ORIGIN)
    assert not anchored(Position("a", 1), a(2)).covers(ORIGIN)
    assert not anchored(ORIGIN).covers(Position("a", 0))


def test_a_full_run_drops_its_oldest_half() -> None:
    stream = anchored(START, *map(a, range(1, 8)), capacity=4)
    assert following(stream, 0) == [a(n) for n in range(1, 8)]
    assert stream.offer(a(8)) is Verdict.APPENDED
    assert following(stream, 3) is None
    assert following(stream, 4) == [a(5), a(6), a(7), a(8)]
    assert stream.generation == 1
    assert stream.offer(a(3)) is Verdict.KNOWN


def test_what_has_become_old_is_dropped() -> None:
    stream = anchored(START, a(1), a(2))
    stream.age()
    assert held(stream) == [a(1), a(2)]
    stream.offer(a(3))
    stream.age()
    assert (held(stream), following(stream, 1), stream.head) == ([a(3)], None, Position("a", 3))
    stream.age()
    stream.age()
    assert (held(stream), following(stream, 3), stream.head) == ([], [], Position("a", 3))
    assert stream.offer(a(4)) is Verdict.APPENDED
    assert held(stream) == [a(4)]


def test_what_a_full_run_has_dropped_has_not_to_become_old() -> None:
    stream = anchored(START, *map(a, range(1, 7)), capacity=4)
    stream.age()
    stream.offer(a(7))
    stream.offer(a(8))
    assert held(stream) == [*map(a, range(5, 9))]
    stream.age()
    assert held(stream) == [a(7), a(8)]


# -- batches ------------------------------------------------------------------------------------------------


def test_everybody_at_the_same_place_is_given_the_same_portion() -> None:
    stream = anchored(START, a(1), a(2), a(3))
    stream.enable_cache()
    first, second, last = stream.since(0), stream.since(1), stream.since(2)
    assert (first, second, last) == (
        Batch([a(1), a(2)], Position("a", 2)),
        Batch([a(2), a(3)], Position("a", 3), is_last=True),
        Batch([a(3)], Position("a", 3), is_last=True),
    )
    assert stream.since(0) is first
    assert stream.since(1) is second
    assert stream.since(2) is last


def change_nothing_but_clear_cache(stream: LiveStream[FakeEntry]) -> None:
    stream.clear_cache()


def append(stream: LiveStream[FakeEntry]) -> None:
    assert stream.offer(a(4)) is Verdict.APPENDED


def begin_anew(stream: LiveStream[FakeEntry]) -> None:
    stream.anchor(Position("b", 0))
    for sequence in (1, 2, 3):
        stream.offer(b(sequence))


def grow_old(stream: LiveStream[FakeEntry]) -> None:
    stream.age()
    stream.age()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_nothing_but_clear_cache, [a(2), a(3)]),
        (append, [a(2), a(3)]),
        (begin_anew, [b(2), b(3)]),
        (grow_old, None),
    ],
)
def test_a_batch_is_kept_until_the_run_changes_or_it_is_clear_cache(
    change: Callable[[LiveStream[FakeEntry]], None], expected: list[FakeEntry] | None
) -> None:
    stream = anchored(START, a(1), a(2), a(3))
    stream.enable_cache()
    before = stream.since(1)
    assert before is not None
    change(stream)
    after = stream.since(1)
    assert after is not before
    assert (None if after is None else after.items) == expected


def test_at_other_times_no_batch_is_kept() -> None:
    stream = anchored(START, a(1), a(2), a(3))
    assert stream.since(1) == stream.since(1)
    assert stream.since(1) is not stream.since(1)
    stream.enable_cache()
    shared = stream.since(1)
    stream.clear_cache()
    assert stream.since(1) is not shared
    assert stream.since(1) is not stream.since(1)


def test_that_there_was_nothing_is_not_remembered() -> None:
    stream = anchored(START, a(1))
    stream.enable_cache()
    assert stream.since(1) == Batch([], Position("a", 1), is_last=True)
    stream.offer(a(2))
    assert stream.since(1) == Batch([a(2)], Position("a", 2), is_last=True)


# -- any doorbells -------------------------------------------------------------------------------------------


class AnyDoorbells(RuleBasedStateMachine):
    """A true log; doorbells lost, doubled, delayed, reordered, foreign and contradicting; fills from the log."""

    CAPACITY = 3

    def __init__(self) -> None:
        super().__init__()
        self.stream: LiveStream[FakeEntry] = LiveStream(capacity=self.CAPACITY, batch_length=2)
        self.epoch = "a"
        self.committed: list[FakeEntry] = []
        self.delayed: list[FakeEntry] = []
        self.expected_generation = 0

    @initialize(events=st.integers(0, 6))
    def begin(self, events: int) -> None:
        self.committed = [FakeEntry("alice", self.epoch, n) for n in range(1, events + 1)]

    @property
    def true_head(self) -> Position:
        return self.committed[-1].position if self.committed else ORIGIN

    @rule(rung=st.booleans())
    def commit(self, rung: bool) -> None:
        line = FakeEntry("alice", self.epoch, len(self.committed) + 1)
        self.committed.append(line)
        self.delayed.append(line)
        if rung:
            self.offer(line)

    @precondition(lambda self: self.delayed)
    @rule(data=st.data(), again=st.booleans())
    def hear_of_something(self, data: st.DataObject, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.delayed) - 1))
        self.offer(self.delayed[index] if again else self.delayed.pop(index))

    @rule(sequence=st.integers(1, 20))
    def hear_of_another_epoch(self, sequence: int) -> None:
        self.offer(FakeEntry("alice", "other", sequence))

    @precondition(lambda self: self.stream.is_anchored and self.stream.head.sequence)
    @rule(data=st.data())
    def hear_a_contradiction(self, data: st.DataObject) -> None:
        sequence = data.draw(st.integers(1, self.stream.head.sequence))
        self.offer(wrong(FakeEntry("alice", self.epoch, sequence)))

    @rule(back=st.integers(0, 8))
    def anchor(self, back: int) -> None:
        sequence = max(0, len(self.committed) - back)
        at = Position(self.true_head.epoch, sequence) if self.committed else ORIGIN
        self.stream.anchor(at)
        self.expected_generation += 1

    @precondition(lambda self: self.stream.is_anchored)
    @rule(sequence=st.integers(0, 20), clear_cache=st.booleans())
    def take_a_portion(self, sequence: int, clear_cache: bool) -> None:
        self.stream.enable_cache()
        self.stream.since(sequence)
        if clear_cache:
            self.stream.clear_cache()

    @rule()
    def age(self) -> None:
        held_before = [] if not self.stream.is_anchored else list(held(self.stream))
        self.stream.age()
        if self.stream.is_anchored:
            left = list(held(self.stream))
            assert left == held_before[len(held_before) - len(left) :]

    @precondition(lambda self: self.stream.is_anchored)
    @rule(limit=st.integers(1, 5))
    def fill_from_the_log(self, limit: int) -> None:
        if self.committed:
            self.stream.begin_epoch(self.epoch)
        known = self.stream.head.sequence
        for line in self.committed[known : known + limit]:
            self.offer(line)
        if self.committed:
            assert self.stream.head.sequence == min(known + limit, len(self.committed))

    def offer(self, line: FakeEntry) -> None:
        was_anchored, head = self.stream.is_anchored, self.stream.head
        verdict = self.stream.offer(line)
        if not was_anchored:
            assert verdict is Verdict.EARLY
        elif line.epoch != head.epoch:
            assert verdict is (Verdict.FOREIGN if head.epoch else Verdict.FIRST)
        elif line.sequence <= head.sequence:
            in_run = self.stream.held(line.sequence)
            is_wrong = in_run is not None and line.text != ""
            assert verdict is (Verdict.CONTRADICTED if is_wrong else Verdict.KNOWN)
        elif line.sequence > head.sequence + 1:
            assert verdict is Verdict.GAP
        else:
            assert verdict is Verdict.APPENDED
            assert self.stream.head == line.position
            return
        assert self.stream.head == head

    @precondition(lambda self: self.stream.is_anchored)
    @invariant()
    def the_run_is_a_piece_of_the_log(self) -> None:
        run = list(held(self.stream))
        head = self.stream.head
        first = head.sequence - len(run)
        assert run == self.committed[first : head.sequence]
        assert len(run) < 2 * self.CAPACITY
        assert self.stream.generation == self.expected_generation
        for sequence in range(len(self.committed) + 3):
            rest = following(self.stream, sequence)
            if sequence < first:
                assert rest is None
            else:
                assert rest == self.committed[sequence : head.sequence]
            if self.committed and head.epoch:
                at = Position(self.epoch, sequence)
                assert self.stream.covers(at) is (first <= sequence <= head.sequence)
                assert not self.stream.covers(Position("other", sequence))


TestAnyDoorbells = AnyDoorbells.TestCase
