"""When a subscription that is limited by types is sent its position."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Kind, Reset
from live_inbox_graphql.advances import ADVANCE_EVENTS, ADVANCE_SECONDS, Advance, Advances

pytestmark = pytest.mark.stack("embedded")

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEWS = frozenset({"news"})


def event(sequence: int, type: str) -> Event:
    return Event(
        "7", "e1", sequence, Kind.DELETED, NOON, 2, 3, type=type, fingerprint=9, unseen_count=1
    )


def test_nothing_is_due_while_nothing_is_left_out() -> None:
    advances = Advances(NEWS, 0.0)
    advances.pass_over([event(1, "news"), event(2, "news")], 1.0)
    assert advances.due_at is None
    assert advances.take(1e9) is None


def test_the_last_event_that_was_left_out_is_due_some_time_after_what_was_sent() -> None:
    advances = Advances(NEWS, 0.0)
    advances.pass_over([event(1, "news"), event(2, "other"), event(3, "other")], 1.0)
    assert advances.due_at == 1.0 + ADVANCE_SECONDS
    assert advances.take(ADVANCE_SECONDS) is None
    assert advances.take(1.0 + ADVANCE_SECONDS) == Advance(Position("e1", 3, 9), 2, 1, NOON)
    assert advances.due_at is None


def test_it_is_due_at_once_after_many_events() -> None:
    advances = Advances(NEWS, 0.0)
    advances.pass_over([event(n, "other") for n in range(1, ADVANCE_EVENTS)], 1.0)
    assert advances.take(1.0) is None
    advances.pass_over([event(ADVANCE_EVENTS, "other")], 2.0)
    assert advances.take(2.0) == Advance(Position("e1", ADVANCE_EVENTS, 9), 2, 1, NOON)
    advances.pass_over([event(ADVANCE_EVENTS + 1, "other")], 3.0)
    assert advances.due_at == 2.0 + ADVANCE_SECONDS


def test_an_event_or_a_reset_that_is_sent_has_the_position_itself() -> None:
    for sent in (event(2, "news"), Reset(Position("e2", 5), ResetReason.EPOCH, 0, 0, NOON)):
        advances = Advances(NEWS, 0.0)
        advances.pass_over([event(1, "other"), sent], 1.0)
        assert advances.due_at is None
