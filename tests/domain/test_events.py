from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from live_inbox.content import CONTENT_FIELDS
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.events import (
    RECORDED,
    Event,
    GraphQLType,
    JSONMessage,
    Kind,
    PayloadType,
    Person,
    Snapshot,
    decode,
    encode,
    from_payload,
    to_payload,
)
from live_inbox.json_api.messages import event_message
from live_inbox_graphql.events import InboxReset, to_graphql

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)

SNAPSHOT = Snapshot(
    id=42,
    type="approval",
    title="Leave approved",
    message="Enjoy ☀",
    link="/leave/7",
    data={"item_id": 7, "days": [1, 2.5], "by": None},
    created_at=NOON,
    read_at=None,
    sender=Person(id="3", username="bob", name="Bob Roberts"),
)
ADDED = Event(
    inbox="7",
    epoch="e1",
    sequence=5,
    kind=Kind.ADDED,
    occurred_at=NOON,
    unread_count=3,
    total_count=4,
    notification=SNAPSHOT,
    notification_id=42,
)
CHANGED = replace(ADDED, kind=Kind.READ, sequence=6)
DELETED = Event(
    inbox="7",
    epoch="e1",
    sequence=6,
    kind=Kind.DELETED,
    occurred_at=LATER,
    unread_count=2,
    total_count=3,
    notification_id=42,
    type="approval",
)
EXPIRED = Event(
    inbox="7",
    epoch="e1",
    sequence=6,
    kind=Kind.EXPIRED,
    occurred_at=LATER,
    unread_count=2,
    total_count=3,
    notification_id=42,
    type="approval",
)
ALL_READ = Event(
    inbox="7",
    epoch="e1",
    sequence=7,
    kind=Kind.ALL_READ,
    occurred_at=LATER,
    unread_count=0,
    total_count=3,
    count=2,
    through_rank=41,
)
MANY = Event(
    inbox="7",
    epoch="e1",
    sequence=8,
    kind=Kind.MANY_READ,
    occurred_at=LATER,
    unread_count=0,
    total_count=3,
    count=2,
    notification_ids=[41, 42],
)


def test_the_kinds_of_events() -> None:
    assert [kind.value for kind in Kind] == [
        "added",
        "read",
        "unread",
        "deleted",
        "all_read",
        "expired",
        "recalled",
        "archived",
        "unarchived",
        "snoozed",
        "returned",
        "pinned",
        "unpinned",
        "action",
        "edited",
        "seen",
        "many_read",
        "many_archived",
        "many_deleted",
        "grouped",
        "ungrouped",
        "restored",
        "other_change",
        "other",
    ]
    assert [kind for kind in Kind if kind not in RECORDED] == [Kind.OTHER_CHANGE, Kind.OTHER]


def test_an_event_of_a_newer_version_that_has_a_notification_is_a_change_of_it() -> None:
    newer = encode(CHANGED).replace(b'"kind":"read"', b'"kind":"copied","copy":{"of":[1,2]}')
    shown = replace(CHANGED, kind=Kind.OTHER_CHANGE)
    assert decode(newer) == shown
    assert _from_log(shown, kind="copied") == shown
    gone = shown.without([42])
    assert (gone.is_erased, _from_log(gone, kind="copied")) == (True, gone)
    assert decode(encode(gone).replace(b"other_change", b"copied")) == gone


def test_any_other_event_of_a_newer_version_has_clients_reload() -> None:
    newer = encode(DELETED).replace(b'"kind":"deleted"', b'"kind":"merged","into":{"id":7}')
    shown = replace(DELETED, kind=Kind.OTHER)
    assert decode(newer) == shown
    assert _from_log(shown, kind="merged") == shown
    reset = to_graphql(shown)
    assert isinstance(reset, InboxReset)
    assert (reset.position, reset.reason.name) == (str(shown.position), "UNKNOWN_EVENT")
    assert event_message(shown) is None


def test_an_event_of_a_newer_version_that_cannot_be_read_is_none() -> None:
    merged = encode(DELETED).replace(b'"kind":"deleted"', b'"kind":"merged"')
    assert refused(merged.replace(b'"unread":2', b'"unread":"many"'))
    assert refused(merged.replace(b'"merged"', b'["merged"]'))
    assert refused(encode(DELETED).replace(b'"unread":2', b'"unread":"many"'))


def _from_log(event: Event, *, kind: str) -> Event:
    return from_payload(
        inbox=event.inbox,
        epoch=event.epoch,
        sequence=event.sequence,
        kind=kind,
        notification_id=event.notification_id,
        occurred_at=event.occurred_at,
        payload=to_payload(event),
        fingerprint=event.fingerprint,
        previous_fingerprint=event.previous_fingerprint,
    )


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_declares_what_the_apis_show(kind: Kind) -> None:
    assert kind.graphql_type in get_args(GraphQLType)
    assert kind.json_message is None or kind.json_message in get_args(JSONMessage)
    assert Kind(kind.value) is kind  # type: ignore[call-arg]  # a look-up by value
    fields = {
        PayloadType.NOTIFICATION: ADDED,
        PayloadType.REMOVAL: DELETED,
        PayloadType.UP_TO_RANK: ALL_READ,
        PayloadType.SEVERAL: MANY,
        PayloadType.UNKNOWN: DELETED,
    }
    event = msgspec.structs.replace(fields[kind.payload], kind=kind)
    assert type(to_graphql(event)).__name__ == kind.graphql_type
    message = event_message(event)
    if kind.json_message not in (None, "notifications_list"):
        assert message is not None
        assert message["type"] == kind.json_message
    else:
        assert message is None


def test_a_snapshot_has_every_field_of_the_content() -> None:
    assert CONTENT_FIELDS.keys() <= set(Snapshot.__struct_fields__)


def test_the_reasons_of_resets() -> None:
    assert [reason.value for reason in ResetReason] == [
        "expired",
        "epoch",
        "ahead",
        "unknown_event",
    ]


def test_an_event_has_the_position_of_who_has_seen_it() -> None:
    assert ADDED.position == Position("e1", 5)


@pytest.mark.parametrize(("read_at", "read"), [(None, False), (NOON, True)])
def test_a_snapshot_is_read_when_it_has_a_time_of_reading(
    read_at: datetime | None, read: bool
) -> None:
    snapshot = Snapshot(1, "general", "t", "", "", {}, NOON, read_at, None)
    assert snapshot.read is read


@pytest.mark.parametrize(
    ("event", "type"),
    [(ADDED, "approval"), (DELETED, "approval"), (EXPIRED, "approval"), (ALL_READ, None)],
)
def test_an_event_about_a_notification_has_its_type(event: Event, type: str | None) -> None:
    assert event.notification_type == type


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (
            ADDED,
            {
                "unread": 3,
                "total": 4,
                "notification": {
                    "id": 42,
                    "type": "approval",
                    "title": "Leave approved",
                    "message": "Enjoy ☀",
                    "link": "/leave/7",
                    "data": {"item_id": 7, "days": [1, 2.5], "by": None},
                    "created_at": "2026-03-01T12:00:00.123456Z",
                    "read_at": None,
                    "sender": {"id": "3", "username": "bob", "name": "Bob Roberts"},
                },
            },
        ),
        (DELETED, {"unread": 2, "total": 3, "type": "approval"}),
        (EXPIRED, {"unread": 2, "total": 3, "type": "approval"}),
        (ALL_READ, {"unread": 0, "total": 3, "count": 2, "through": 41}),
    ],
)
def test_the_log_keeps_a_payload(event: Event, payload: dict[str, Any]) -> None:
    assert json.loads(to_payload(event)) == payload
    restored = from_payload(
        inbox=event.inbox,
        epoch=event.epoch,
        sequence=event.sequence,
        kind=event.kind.value,
        notification_id=event.notification_id,
        occurred_at=event.occurred_at,
        payload=json.dumps(payload),
    )
    assert restored == event


def test_the_log_keeps_when_a_notification_expires() -> None:
    event = replace(ADDED, notification=replace(SNAPSHOT, expires_at=LATER))
    kept = json.loads(to_payload(event))
    assert kept["notification"]["expires_at"] == "2026-03-01T13:00:00.123456Z"
    assert decode(encode(event)) == event


def test_the_log_may_be_of_an_earlier_version() -> None:
    payload = (
        '{"unread": 3, "total": 4, "notification": {"id": 42, "type": "approval", "title": "Leave approved", '
        '"message": "Enjoy ☀", "link": "/leave/7", "data": {"item_id": 7, "days": [1, 2.5], "by": null}, '
        '"created_at": "2026-03-01T12:00:00.123456+00:00", "read_at": null, '
        '"sender": {"id": "3", "username": "bob", "name": "Bob Roberts"}}}'
    )
    assert (
        from_payload(
            inbox="7",
            epoch="e1",
            sequence=5,
            kind="added",
            notification_id=42,
            occurred_at=NOON,
            payload=payload,
        )
        == ADDED
    )


@pytest.mark.parametrize("moment", ["2026-03-01T12:00:00", "2026-03-01", "12:00:00", "", 7])
def test_a_moment_has_a_time_zone(moment: object) -> None:
    fields = json.loads(encode(ADDED)) | {"occurred_at": moment}
    assert refused(orjson.dumps(fields))


def test_the_doorbell_carries_json() -> None:
    assert json.loads(encode(DELETED)) == {
        "inbox": "7",
        "epoch": "e1",
        "sequence": 6,
        "kind": "deleted",
        "notification_id": 42,
        "fingerprint": 0,
        "previous": 0,
        "occurred_at": "2026-03-01T13:00:00.123456Z",
        "unread": 2,
        "total": 3,
        "type": "approval",
    }


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = st.integers(1, 2**53)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(-(2.0**53), 2.0**53, allow_nan=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
SNAPSHOTS = st.builds(
    Snapshot,
    id=NUMBERS,
    type=TEXTS,
    title=TEXTS,
    message=TEXTS,
    link=TEXTS,
    data=st.dictionaries(TEXTS, VALUES, max_size=3),
    created_at=TIMES,
    read_at=st.none() | TIMES,
    sender=st.none() | st.builds(Person, id=TEXTS, username=TEXTS, name=TEXTS),
    expires_at=st.none() | TIMES,
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(RECORDED))
    details: dict[str, Any]
    if kind is Kind.ALL_READ:
        details = {"count": draw(NUMBERS), "through_rank": draw(NUMBERS)}
    elif kind in (Kind.DELETED, Kind.EXPIRED, Kind.RECALLED):
        details = {"notification_id": draw(NUMBERS), "type": draw(TEXTS)}
    elif kind.payload is PayloadType.SEVERAL:
        details = {"count": draw(NUMBERS), "notification_ids": draw(st.lists(NUMBERS))}
    else:
        snapshot = draw(SNAPSHOTS)
        details = {"notification": snapshot, "notification_id": snapshot.id}
    return Event(
        inbox=draw(TEXTS),
        epoch=draw(TEXTS),
        sequence=draw(NUMBERS),
        kind=kind,
        occurred_at=draw(TIMES),
        unread_count=draw(NUMBERS),
        total_count=draw(NUMBERS),
        **details,
    )


@given(events())
def test_every_event_survives_the_doorbell(event: Event) -> None:
    assert decode(encode(event)) == event


@given(events())
def test_a_payload_that_has_been_written_before_is_carried_as_it_is(event: Event) -> None:
    assert encode(event, to_payload(event)) == encode(event)


def refused(frame: bytes) -> bool:
    try:
        decode(frame)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize(
    "frame",
    [b"", b"?", b"null", b"[]", b"7", b'"x"', b"{}", b"\xff", b'{"inbox": "7"}', b"[" * 2000],
)
def test_what_is_no_event_is_refused(frame: bytes) -> None:
    assert refused(frame)


NO_TEXTS: list[Any] = [None, [], {}, 1.5, True, -1]


@pytest.mark.parametrize(
    ("field", "value"),
    [("inbox", value) for value in NO_TEXTS]
    + [("epoch", value) for value in NO_TEXTS]
    + [("sequence", value) for value in [*NO_TEXTS[:-1], "x", "5"]]
    + [("kind", value) for value in NO_TEXTS]
    + [("occurred_at", value) for value in [*NO_TEXTS, "x", "noon"]]
    + [("unread", value) for value in [*NO_TEXTS[:-1], "x", "5"]]
    + [("notification", value) for value in [*NO_TEXTS[1:], "x"]],
)
def test_a_field_of_the_wrong_type_is_refused(field: str, value: object) -> None:
    fields = json.loads(encode(ADDED))
    fields[field] = value
    assert refused(orjson.dumps(fields))


@pytest.mark.parametrize(
    "field",
    sorted(
        {*json.loads(encode(ADDED))}
        - {"notification", "notification_id", "fingerprint", "previous"}
    ),
)
def test_a_field_that_is_missing_is_noticed(field: str) -> None:
    fields = json.loads(encode(ADDED))
    del fields[field]
    assert refused(orjson.dumps(fields))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "type", "sender", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(st.data())
def test_a_damaged_event_is_refused_or_is_an_event(data: st.DataObject) -> None:
    fields = json.loads(encode(data.draw(st.sampled_from([ADDED, DELETED, EXPIRED, ALL_READ]))))
    target = data.draw(st.sampled_from([fields, fields.get("notification") or fields]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(JSON)
    try:
        event = decode(orjson.dumps(fields))
    except ValueError:
        return
    assert isinstance(event, Event)
    assert isinstance(event.sequence, int)


@given(st.binary(max_size=50))
def test_any_bytes_are_refused(frame: bytes) -> None:
    assert refused(frame)
