"""Words for events: found once for all sockets, and not kept for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from live_inbox.events import Event, Kind
from live_inbox.json_api.encoded_events import Wordings

pytestmark = pytest.mark.stack("embedded")

READ = Event(
    inbox="1",
    epoch="e",
    sequence=1,
    kind=Kind.READ,
    occurred_at=datetime(2026, 1, 31, tzinfo=UTC),
    unread_count=0,
    total_count=1,
    notification_id=5,
)
PARTLY_READ = replace(READ, kind=Kind.ALL_READ, unread_count=1, count=2, through_id=5)


def test_an_event_is_worded_once_for_all_sockets() -> None:
    wordings = Wordings()
    first = wordings.of(READ)
    assert first is not None
    assert wordings.of(READ) is first
    assert json.loads(first.frame) == first.message
    assert first.frame == b'{"type":"notification_marked_read","notification_id":5,"success":true}'


def test_another_event_has_words_of_its_own_even_if_it_is_equal() -> None:
    wordings = Wordings()
    twin = replace(READ)
    assert twin == READ
    assert wordings.of(twin) is not wordings.of(READ)


def test_there_are_no_words_for_a_part_of_an_inbox() -> None:
    wordings = Wordings()
    assert wordings.of(PARTLY_READ) is None
    assert len(wordings) == 0


def test_only_the_latest_are_remembered_and_those_never_taken_for_others() -> None:
    wordings = Wordings()
    for number in range(1000):
        # Each is gone before the next is made, so that their addresses are the same.
        wording = wordings.of(replace(READ, notification_id=number))
        assert wording is not None
        assert wording.message == {
            "type": "notification_marked_read",
            "notification_id": number,
            "success": True,
        }
    assert len(wordings) <= 64
