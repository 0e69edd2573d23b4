"""The replay guard accepts each message once, and remembers for as long as it has to."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from live_inbox.delivery.replay_guard import ReplayGuard

pytestmark = pytest.mark.stack("embedded")


class Guarded:
    """A guard with a clock that is moved by hand."""

    def __init__(self, *, capacity: int = 100) -> None:
        self.now = 1000.0
        self.guard = ReplayGuard(max_age_seconds=10, capacity=capacity, clock=lambda: self.now)

    def accepts(self, message_id: bytes, sent_at: float) -> bool:
        return not self.guard.is_stale(sent_at) and self.guard.is_first(message_id, sent_at)

    @property
    def remembered(self) -> int:
        return len(self.guard._seen)


def test_a_message_is_accepted_once() -> None:
    guarded = Guarded()
    assert [guarded.accepts(b"a", 1000) for _ in range(3)] == [True, False, False]
    assert guarded.accepts(b"b", 1000)


@pytest.mark.parametrize(
    ("sent_at", "stale"),
    [(989.9, True), (990, False), (1010, False), (1010.1, True), (float("nan"), True)],
)
def test_a_time_far_from_the_clock_is_stale(sent_at: float, stale: bool) -> None:
    assert Guarded().guard.is_stale(sent_at) is stale


def test_what_would_be_stale_is_forgotten() -> None:
    guarded = Guarded()
    for number in range(50):
        guarded.now += 1
        assert guarded.accepts(b"%d" % number, guarded.now)
    assert guarded.remembered == 11


def test_of_too_many_the_oldest_are_forgotten_and_not_accepted_again() -> None:
    guarded = Guarded(capacity=3)
    messages = [(b"%d" % number, 1000 + number) for number in range(5)]
    assert all(guarded.accepts(*message) for message in messages)
    assert guarded.remembered == 3
    assert not any(guarded.accepts(*message) for message in messages)


class AnyMessages(RuleBasedStateMachine):
    """Messages of any order and time, new or recorded earlier; a clock that also goes back; little memory."""

    def __init__(self) -> None:
        super().__init__()
        self.guarded = Guarded(capacity=4)
        self.recorded: list[tuple[bytes, float]] = []
        self.accepted: set[bytes] = set()

    @rule(offset=st.floats(-15, 15))
    def send(self, offset: float) -> None:
        self.recorded.append((b"%d" % len(self.recorded), self.guarded.now + offset))
        self.receive(self.recorded[-1])

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        if self.recorded:
            self.receive(data.draw(st.sampled_from(self.recorded)))

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.guarded.now += seconds

    def receive(self, message: tuple[bytes, float]) -> None:
        if self.guarded.accepts(*message):
            assert message[0] not in self.accepted
            self.accepted.add(message[0])

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.guarded.remembered <= 4


TestAnyMessages = AnyMessages.TestCase
