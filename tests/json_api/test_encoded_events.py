"""Encoded events: encoded once for all sockets that receive the same batch."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Kind, Reset
from live_inbox.json_api.encoded_events import ENCODING, encode_all
from live_inbox.json_api.protocol import JsonProtocol

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
PARTLY_READ = replace(READ, kind=Kind.ALL_READ, unread_count=1, count=2, through_rank=5)
RESET = Reset(Position("e", 1), ResetReason.EXPIRED, 0, 0, READ.occurred_at)


def test_a_batch_is_encoded_once_for_all_sockets() -> None:
    batch = Batch([READ], Position("e", 1))
    first, second = JsonProtocol(after=0), JsonProtocol(after=0)
    first.receive_events(batch)
    second.receive_events(batch)
    (frame,) = first.frames_to_send()
    (same,) = second.frames_to_send()
    assert frame is same
    (encoded,) = batch.memoize(ENCODING, encode_all)
    assert encoded is not None
    assert encoded.frame is frame
    assert json.loads(frame) == encoded.message
    assert frame == b'{"type":"notification_marked_read","notification_id":5,"success":true}'


def test_each_event_of_a_batch_has_its_own_message() -> None:
    events = [replace(READ, sequence=number, notification_id=number) for number in range(1, 1001)]
    encoded = encode_all(events)
    assert [each.message for each in encoded if each is not None] == [
        {"type": "notification_marked_read", "notification_id": number, "success": True}
        for number in range(1, 1001)
    ]


def test_a_part_of_an_inbox_has_no_message() -> None:
    assert encode_all([PARTLY_READ]) == [None]


def test_a_reset_has_no_message() -> None:
    assert encode_all([RESET]) == [None]
