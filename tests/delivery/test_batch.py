from __future__ import annotations

from collections.abc import Sequence

import pytest

from live_inbox.delivery.batch import Batch, in_batches
from live_inbox.delivery.position import ORIGIN, Position
from tests.delivery.fake_log import FakeEntry

pytestmark = pytest.mark.stack("embedded")


class Maker:
    """Makes something of items, and counts how often."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.count = 0

    def __call__(self, items: Sequence[int]) -> list[str]:
        self.count += 1
        return [f"{self._word}{item}" for item in items]


def test_what_is_made_is_made_once_for_each_key() -> None:
    batch = Batch([1, 2], ORIGIN)
    makers = {("p", None): Maker("a"), ("q", None): Maker("b"), ("q", frozenset({"x"})): Maker("c")}
    for _ in range(3):
        made = [batch.memoize((*key,), make) for key, make in makers.items()]
        assert made == [["a1", "a2"], ["b1", "b2"], ["c1", "c2"]]
    assert [make.count for make in makers.values()] == [1, 1, 1]


@pytest.mark.parametrize("nothing", [[], None, b""])
def test_nothing_is_made_once_too(nothing: object) -> None:
    batch = Batch([1], ORIGIN)
    calls: list[str] = []

    def make(word: str) -> object:
        calls.append(word)
        return nothing

    for _ in range(2):
        assert batch.memoize("first", lambda items: make("first")) is nothing
        assert batch.memoize("second", lambda items: make("second")) is nothing
    assert calls == ["first", "second"]


def test_what_cannot_be_made_is_tried_again_for_the_next() -> None:
    batch = Batch([1], ORIGIN)

    def fail(items: Sequence[int]) -> None:
        raise ValueError("no")

    for key in ("first", "second"):
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                batch.memoize(key, fail)
    made = {key: batch.memoize(key, Maker(key)) for key in ("first", "second")}
    assert made == {"first": ["first1"], "second": ["second1"]}


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, []), (1, [[1]]), (2, [[1, 2]]), (3, [[1, 2], [3]]), (5, [[1, 2], [3, 4], [5]])],
)
def test_entries_are_cut_into_portions(count: int, expected: list[list[int]]) -> None:
    lines = [FakeEntry("alice", "e", sequence) for sequence in range(1, count + 1)]
    assert [
        ([line.sequence for line in batch.items], batch.position, batch.is_last)
        for batch in in_batches(lines, 2)
    ] == [(part, Position("e", part[-1]), False) for part in expected]
