"""The codec: literal frames in, actions or errors out, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.content import CONTENT_FIELDS, GivenFields
from live_inbox.json_api.bulk_messages import (
    CancelCampaign,
    GetCampaign,
    RecallCampaign,
    SendMany,
    StartCampaign,
)
from live_inbox.json_api.codec import MAX_DEPTH, Malformed, Refused, decode, encode
from live_inbox.json_api.failures import Failure
from live_inbox.json_api.messages import (
    CLIENT_MESSAGES,
    Action,
    DeleteNotification,
    GetCounts,
    GetNotification,
    GetNotifications,
    MarkAllRead,
    MarkRead,
    MarkUnread,
    Ping,
    RefreshToken,
    SendNotification,
    error,
    notifications_list,
)
from live_inbox.json_api.sent_messages import EditNotification, RecallNotification
from live_inbox.json_api.topic_messages import GetTopics, SubscribeToTopic, UnsubscribeFromTopic
from live_inbox.json_api.type_messages import GetPreferences, GetTypes, SetPreference

pytestmark = pytest.mark.stack("embedded")

MAX_BYTES = 1024


def content_with(**given: Any) -> GivenFields:
    """The content of a send that has these fields alone."""
    return cast("GivenFields", {**dict.fromkeys(CONTENT_FIELDS), **given})


ACTIONS = {
    '{"type":"get_notifications"}': GetNotifications(limit=50, before_id=None),
    '{"type":"get_counts","limit":null}': GetCounts(),
    '{"type":"get_types","x":1}': GetTypes(),
    '{"type":"get_notification","notification_id":"456"}': GetNotification(456),
    '{"type":"get_campaign","campaign_id":5}': GetCampaign(5),
    '{"type":"cancel_campaign","campaign_id":"5"}': CancelCampaign(5),
    '{"type":"recall_campaign","campaign_id":5}': RecallCampaign(5),
    '{"type":"send_many","user_ids":[7,"8"],"user_refs":["bob"],"title":"T","idempotency_key":"k"}': SendMany(
        content_with(title="T"), ["7", "8"], ["bob"], "k"
    ),
    '{"type":"send_many","notification_type":"news","message":"M","context":{"n":1}}': SendMany(
        content_with(type="news", message="M", context={"n": 1}), [], [], None
    ),
    '{"type":"start_campaign","topic":"news","title":"T","deliver_at":"2124-01-01T00:00:00Z"}': StartCampaign(
        content_with(title="T", deliver_at=datetime(2124, 1, 1, tzinfo=UTC)), topic="news"
    ),
    '{"type":"start_campaign","segment":"all","everybody":true,"expires_in_seconds":60}': StartCampaign(
        content_with(expires_at=timedelta(seconds=60)), segment="all", everybody=True
    ),
    '{"type":"get_topics"}': GetTopics(),
    '{"type":"subscribe_to_topic","topic":"news"}': SubscribeToTopic("news"),
    '{"type":"unsubscribe_from_topic","topic":""}': UnsubscribeFromTopic(""),
    '{"type":"edit_notification","notification_id":5}': EditNotification(5, None, {}),
    '{"type":"edit_notification","idempotency_key":"k","title":null,"message":"M"}': EditNotification(
        None, "k", {"title": None, "message": "M"}
    ),
    '{"type":"edit_notification","notification_id":"5","link":null,"data":null,"expires_at":null,'
    '"priority":null,"context":null,"icon":"bell"}': EditNotification(
        5, None, {"link": None, "data": None, "expires_at": None, "priority": None}
    ),
    '{"type":"edit_notification","notification_id":5,"context":{"n":1},"expires_in_seconds":60}': EditNotification(
        5, None, {"context": {"n": 1}, "expires_at": timedelta(seconds=60)}
    ),
    '{"type":"edit_notification","notification_id":5,"expires_at":"2124-01-01T00:00:00Z"}': EditNotification(
        5, None, {"expires_at": datetime(2124, 1, 1, tzinfo=UTC)}
    ),
    '{"type":"recall_notification","notification_id":5}': RecallNotification(5),
    '{"type":"recall_notification","idempotency_key":"k"}': RecallNotification(None, "k"),
    '{"type":"recall_notification"}': RecallNotification(),
    '{"type":"get_preferences"}': GetPreferences(),
    '{"type":"set_preference","notification_type":"news","enabled":false}': SetPreference(
        "news", False, "in_app"
    ),
    '{"type":"set_preference","notification_type":"news","enabled":true,"channel":"email"}': SetPreference(
        "news", True, "email"
    ),
    '{"type":"get_notifications","limit":null,"before_id":null}': GetNotifications(),
    '{"type":"get_notifications","limit":10,"before_id":456}': GetNotifications(10, 456),
    '{"type":"get_notifications","limit":"10","before_id":"456"}': GetNotifications(10, 456),
    '{"type":"mark_read","notification_id":456}': MarkRead(456),
    '{"type":"mark_read","notification_id":"456"}': MarkRead(456),
    '{"type":"mark_read","notification_id":9223372036854775807}': MarkRead(2**63 - 1),
    '{"type":"mark_read","notification_id":1,"notification_id":2}': MarkRead(2),
    '{"notification_id":456,"type":"mark_read"}': MarkRead(456),
    ' \n{ "type" : "mark_read", "notification_id" : 456 }\n': MarkRead(456),
    '{"type":"mark_read","notification_id":456,"more":[{"type":"x"}]}': MarkRead(456),
    '{"type":"mark_unread","notification_id":456}': MarkUnread(456),
    '{"type":"mark_all_read"}': MarkAllRead(),
    '{"type":"delete_notification","notification_id":456}': DeleteNotification(456),
    '{"type":"ping"}': Ping(),
}

REST = '"user_id":123,"title":"T","message":"M"'

# What a frame with these keys is a send of: its notification type, and what else is not REST.
SENDS: dict[str, dict[str, Any]] = {
    # The three forms.
    f'{{"type":"send_notification",{REST},"type":"approval"}}': {"notification_type": "approval"},
    f'{{"type":"send_notification",{REST},"notification_type":"approval"}}': {
        "notification_type": "approval"
    },
    f'{{"type":"approval",{REST}}}': {"notification_type": "approval"},
    # What each may leave out.
    f'{{"type":"send_notification",{REST}}}': {},
    '{"type":"send_notification","user_id":123,"title":"T"}': {"message": None},
    '{"type":"send_notification","user_id":123}': {"title": None, "message": None},
    f'{{"type":"send_notification",{REST},"context":{{"n":1}}}}': {"context": {"n": 1}},
    f'{{"type":"send_notification",{REST},"context":null}}': {},
    f'{{"type":"send_notification",{REST},"data":null,"link":null,"notification_type":null}}': {},
    f'{{"type":"send_notification","type":"approval",{REST}}}': {"notification_type": "approval"},
    f'{{"type":"send_notification",{REST},"type":"send_notification"}}': {},
    f'{{"type":"send_notification",{REST},"type":null}}': {},
    # A notification type beside `notification_type` gives way to it.
    f'{{"type":"send_notification",{REST},"type":"a","notification_type":"b"}}': {
        "notification_type": "b"
    },
    f'{{"type":"a",{REST},"notification_type":"b"}}': {"notification_type": "b"},
    # `type` of an inner object is not `type` of the message.
    f'{{"type":"send_notification",{REST},"data":{{"type":"a","type":"b"}}}}': {
        "data": {"type": "b"}
    },
    f'{{"data":{{"type":"mark_read"}},{REST},"type":"approval"}}': {
        "notification_type": "approval",
        "data": {"type": "mark_read"},
    },
    # Types that are names of the server's messages.
    f'{{"type":"notification",{REST}}}': {"notification_type": "notification"},
    # Users have numbers, numbers in strings, or other keys.
    '{"type":"send_notification","user_id":"123","title":"T","message":"M"}': {"user_id": "123"},
    '{"type":"approval","user_id":"6e1fa1a2-0c0f-4a36-8d7c-1f6a2f9a2a10","title":"T","message":"M"}': {
        "user_id": "6e1fa1a2-0c0f-4a36-8d7c-1f6a2f9a2a10",
        "notification_type": "approval",
    },
    # Whole Unicode, by character or by escape.
    f'{{"type":"send_notification",{REST},"data":{{"a":"ü","b":"\\ud83d\\ude00"}}}}': {
        "data": {"a": "ü", "b": "😀"}
    },
    # A moment has an offset; whether it is yet to come, the domain decides.
    f'{{"type":"a",{REST},"expires_at":"1999-12-31T23:00:00.5-01:00"}}': {
        "notification_type": "a",
        "expires_at": datetime(2000, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC),
    },
    f'{{"type":"send_notification",{REST},"expires_at":"2124-01-01T00:00:00Z"}}': {
        "expires_at": datetime(2124, 1, 1, tzinfo=UTC)
    },
    f'{{"type":"send_notification",{REST},"expires_at":null}}': {},
    f'{{"type":"send_notification",{REST},"deliver_at":"2124-01-01T00:00:00Z"}}': {
        "deliver_at": datetime(2124, 1, 1, tzinfo=UTC)
    },
    f'{{"type":"send_notification",{REST},"expires_in_seconds":60}}': {
        "expires_at": timedelta(minutes=1)
    },
    # The domain decides about what these fields may hold.
    f'{{"type":"send_notification",{REST},"data":{{"n":{10**30}}},"link":"javascript:x"}}': {
        "data": {"n": 10**30},
        "link": "javascript:x",
    },
}

# What each frame is answered with: (code, message).
MALFORMED = {
    "": ("INVALID_JSON", "The message is not JSON: Expecting value: line 1 column 1 (char 0)."),
    "ping": ("INVALID_JSON", "The message is not JSON: Expecting value: line 1 column 1 (char 0)."),
    '{"type":"ping"}{': (
        "INVALID_JSON",
        "The message is not JSON: Extra data: line 1 column 16 (char 15).",
    ),
    "[]": ("INVALID_MESSAGE", "A message must be a JSON object."),
    '[{"type":"ping"}]': ("INVALID_MESSAGE", "A message must be a JSON object."),
    "null": ("INVALID_MESSAGE", "A message must be a JSON object."),
    "1": ("INVALID_MESSAGE", "A message must be a JSON object."),
    '"ping"': ("INVALID_MESSAGE", "A message must be a JSON object."),
    "{}": ("INVALID_MESSAGE", 'A message must have a "type", a string.'),
    f"{{{REST}}}": ("INVALID_MESSAGE", 'A message must have a "type", a string.'),
    '{"type":null}': ("INVALID_MESSAGE", 'A message must have a "type", a string.'),
    '{"type":{}}': ("INVALID_MESSAGE", 'A message must have a "type", a string.'),
    '{"type":["ping"]}': ("INVALID_MESSAGE", 'A message must have a "type", a string.'),
    '{"type":1,"type":"ping"}': ("INVALID_MESSAGE", 'A message must have a "type", a string.'),
    '{"type":"mark_read","type":"delete_notification","notification_id":1}': (
        "INVALID_MESSAGE",
        'Only a send may have "type" twice.',
    ),
    f'{{"type":"approval",{REST},"type":"send_notification"}}': (
        "INVALID_MESSAGE",
        'Only a send may have "type" twice.',
    ),
    '{"type":"heartbeat"}': ("UNKNOWN_TYPE", "There is no message of type 'heartbeat'."),
    '{"type":""}': ("UNKNOWN_TYPE", "There is no message of type ''."),
    '{"type":"approval","user_id":1,"title":"T"}': (
        "UNKNOWN_TYPE",
        "There is no message of type 'approval'.",
    ),
    f'{{"type":"{"x" * 100}"}}': ("UNKNOWN_TYPE", f"There is no message of type '{'x' * 64}'."),
    '{"type":"ping","pad":"' + "x" * MAX_BYTES + '"}': (
        "MESSAGE_TOO_LARGE",
        "A message must have 1024 bytes at most.",
    ),
    '{"type":"ping","pad":"' + "€" * 350 + '"}': (
        "MESSAGE_TOO_LARGE",
        "A message must have 1024 bytes at most.",
    ),
}

# Valid for Python's parser, or dangerous to it, but not accepted.
UNREADABLE = [
    '{"type":"ping","a":NaN}',
    '{"type":"ping","a":-Infinity}',
    '{"type":"ping","a":"\\ud800"}',
    '{"type":"ping","\\udc00":1}',
    '{"type":"ping","a":["\\ude00\\ud83d"]}',
    '{"type":"ping","a":"\ud800"}',
    '{"type":"ping","a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}",
    '{"a":' * MAX_DEPTH + "{}" + "}" * MAX_DEPTH,
    "[" * 400 + "]" * 400,
]

# What each frame is refused with: (action, field).
REFUSED = {
    '{"type":"mark_read"}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":null}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":true}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":0}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":-1}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":1.0}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":1e999}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":9223372036854775808}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":""}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":"+1"}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":"\u0661"}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":"00000000000000000001"}': (MarkRead, "notification_id"),
    '{"type":"mark_read","notification_id":[1]}': (MarkRead, "notification_id"),
    '{"type":"mark_unread"}': (MarkUnread, "notification_id"),
    '{"type":"delete_notification","notification_id":{}}': (DeleteNotification, "notification_id"),
    '{"type":"get_notifications","limit":0}': (GetNotifications, "limit"),
    '{"type":"get_notifications","limit":"all"}': (GetNotifications, "limit"),
    '{"type":"get_notifications","before_id":false}': (GetNotifications, "before_id"),
    '{"type":"send_notification"}': (SendNotification, "user_id"),
    '{"type":"approval","user_id":null,"title":"T","message":"M"}': (SendNotification, "user_id"),
    '{"type":"send_notification","user_id":true,"title":"T"}': (SendNotification, "user_id"),
    '{"type":"send_notification","user_id":1.5,"title":"T"}': (SendNotification, "user_id"),
    '{"type":"send_notification","user_id":" ","title":"T"}': (SendNotification, "user_id"),
    f'{{"type":"send_notification","user_id":{"9" * 256}}}': (SendNotification, "user_id"),
    '{"type":"send_notification","user_id":1,"context":[]}': (SendNotification, "context"),
    '{"type":"send_notification","user_id":1,"title":5}': (SendNotification, "title"),
    '{"type":"approval","user_id":1,"title":"T","message":{}}': (SendNotification, "message"),
    f'{{"type":"send_notification",{REST},"type":5}}': (SendNotification, "notification_type"),
    f'{{"type":"approval",{REST},"notification_type":[]}}': (
        SendNotification,
        "notification_type",
    ),
    f'{{"type":"send_notification",{REST},"data":[]}}': (SendNotification, "data"),
    f'{{"type":"send_notification",{REST},"data":"{{}}"}}': (SendNotification, "data"),
    f'{{"type":"send_notification",{REST},"link":0}}': (SendNotification, "link"),
    '{"type":"edit_notification","notification_id":0}': (EditNotification, "notification_id"),
    '{"type":"edit_notification","idempotency_key":7}': (EditNotification, "idempotency_key"),
    '{"type":"edit_notification","notification_id":5,"title":7}': (EditNotification, "title"),
    '{"type":"edit_notification","notification_id":5,"data":[]}': (EditNotification, "data"),
    '{"type":"edit_notification","notification_id":5,"context":7}': (EditNotification, "context"),
    '{"type":"edit_notification","notification_id":5,"expires_in_seconds":"x"}': (
        EditNotification,
        "expires_in_seconds",
    ),
    '{"type":"recall_notification","notification_id":[]}': (RecallNotification, "notification_id"),
    '{"type":"recall_notification","idempotency_key":[]}': (RecallNotification, "idempotency_key"),
    '{"type":"subscribe_to_topic"}': (SubscribeToTopic, "topic"),
    '{"type":"unsubscribe_from_topic","topic":["news"]}': (UnsubscribeFromTopic, "topic"),
    '{"type":"get_campaign"}': (GetCampaign, "campaign_id"),
    '{"type":"cancel_campaign","campaign_id":"campaign:5"}': (CancelCampaign, "campaign_id"),
    '{"type":"recall_campaign","campaign_id":0}': (RecallCampaign, "campaign_id"),
    '{"type":"send_many","user_ids":7}': (SendMany, "user_ids"),
    '{"type":"send_many","user_ids":[7,true]}': (SendMany, "user_ids"),
    '{"type":"send_many","user_ids":[" "]}': (SendMany, "user_ids"),
    '{"type":"send_many","user_refs":{}}': (SendMany, "user_refs"),
    '{"type":"send_many","user_refs":[7]}': (SendMany, "user_refs"),
    '{"type":"send_many","user_ids":[7],"title":5}': (SendMany, "title"),
    '{"type":"send_many","user_ids":[7],"idempotency_key":5}': (SendMany, "idempotency_key"),
    '{"type":"start_campaign","topic":5}': (StartCampaign, "topic"),
    '{"type":"start_campaign","segment":[]}': (StartCampaign, "segment"),
    '{"type":"start_campaign","everybody":true,"data":5}': (StartCampaign, "data"),
    '{"type":"get_notification"}': (GetNotification, "notification_id"),
    '{"type":"set_preference","enabled":true}': (SetPreference, "notification_type"),
    '{"type":"set_preference","enabled":true,"notification_type":5}': (
        SetPreference,
        "notification_type",
    ),
    '{"type":"set_preference","enabled":true,"notification_type":"a","channel":[]}': (
        SetPreference,
        "channel",
    ),
}

# The same for what is no moment.
NO_MOMENTS = [
    "0",
    "true",
    "{}",
    '""',
    '"soon"',
    '"2124-01-01T00:00:00"',
    '"2124-01-01"',
    '"25:00Z"',
]


@pytest.mark.parametrize("frame", ACTIONS)
def test_frame_is_read_as_its_action(frame: str) -> None:
    assert decode(frame, max_bytes=MAX_BYTES) == ACTIONS[frame]


@pytest.mark.parametrize("frame", SENDS)
def test_each_form_of_a_send_is_a_send(frame: str) -> None:
    fields = {"user_id": "123", "notification_type": None, **SENDS[frame]}
    content = dict.fromkeys(CONTENT_FIELDS)
    content |= {"type": fields.pop("notification_type"), "title": "T", "message": "M"}
    sent = SendNotification(fields.pop("user_id"), cast("GivenFields", content | fields))
    assert decode(frame, max_bytes=MAX_BYTES) == sent


def test_a_send_may_have_an_idempotency_key() -> None:
    def key_of(value: str) -> object:
        frame = f'{{"type":"send_notification",{REST},"idempotency_key":{value}}}'
        sent = decode(frame, max_bytes=MAX_BYTES)
        assert isinstance(sent, SendNotification)
        return sent.idempotency_key

    assert [key_of('"k"'), key_of("null"), key_of('""')] == ["k", None, ""]
    for value in ("7", "[]", "true", "0", "false", "{}"):
        with pytest.raises(Refused) as caught:
            key_of(value)
        assert caught.value.failure.field == "idempotency_key"


@pytest.mark.parametrize("frame", MALFORMED)
def test_frame_that_is_no_message_is_malformed(frame: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(frame, max_bytes=MAX_BYTES)
    assert (caught.value.code, caught.value.message) == MALFORMED[frame]


@pytest.mark.parametrize("frame", UNREADABLE)
def test_frame_that_only_python_would_read_is_malformed(frame: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(frame, max_bytes=MAX_BYTES)
    assert caught.value.code == "INVALID_JSON"
    assert caught.value.message == (
        "The message has a number, a nesting or a character that is not accepted."
    )


@pytest.mark.parametrize("frame", ["[" * 60_000, '{"type":' * 8_000, '{"a":' + "9" * 5_000 + "}"])
def test_frame_that_exhausts_the_parser_is_malformed(frame: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(frame, max_bytes=65_536)
    assert caught.value.code == "INVALID_JSON"


def test_deepest_accepted_message_is_accepted() -> None:
    levels = MAX_DEPTH - 2  # The message itself, and the number inside, are levels as well.
    frame = '{"type":"ping","a":' + "[" * levels + "1" + "]" * levels + "}"
    assert decode(frame, max_bytes=MAX_BYTES) == Ping()


def test_longest_accepted_message_is_accepted() -> None:
    frame = '{"type":"ping","pad":"' + "x" * (MAX_BYTES - 24) + '"}'
    assert len(frame) == MAX_BYTES
    assert decode(frame, max_bytes=MAX_BYTES) == Ping()


@pytest.mark.parametrize("frame", REFUSED)
def test_action_with_a_wrong_field_is_refused_with_its_name(frame: str) -> None:
    action, field = REFUSED[frame]
    with pytest.raises(Refused) as caught:
        decode(frame, max_bytes=MAX_BYTES)
    assert caught.value.action is action
    assert (caught.value.failure.code, caught.value.failure.field) == ("BAD_USER_INPUT", field)
    assert caught.value.failure.message.startswith(f"{field} must be a ")


@pytest.mark.parametrize("value", ["null", '"true"', "1", "[]"])
def test_a_preference_is_on_or_off(value: str) -> None:
    frame = f'{{"type":"set_preference","notification_type":"a","enabled":{value}}}'
    with pytest.raises(Refused) as caught:
        decode(frame, max_bytes=MAX_BYTES)
    assert caught.value.failure == Failure(
        "BAD_USER_INPUT", "enabled must be true or false.", field="enabled"
    )


@pytest.mark.parametrize("value", NO_MOMENTS)
def test_a_send_with_an_expiry_that_is_no_moment_is_refused(value: str) -> None:
    with pytest.raises(Refused) as caught:
        decode(f'{{"type":"a",{REST},"expires_at":{value}}}', max_bytes=MAX_BYTES)
    assert caught.value.action is SendNotification
    assert caught.value.failure == Failure(
        "BAD_USER_INPUT", "expires_at must be ISO 8601 with an offset or Z.", field="expires_at"
    )


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", '"soon"', "1000000001", "{}"])
def test_a_send_with_an_expiry_that_is_no_time_is_refused(value: str) -> None:
    with pytest.raises(Refused) as caught:
        decode(f'{{"type":"a",{REST},"expires_in_seconds":{value}}}', max_bytes=MAX_BYTES)
    assert caught.value.failure.field == "expires_in_seconds"


def test_a_send_expires_at_a_moment_or_after_a_time() -> None:
    both = '"expires_in_seconds":60,"expires_at":"2124-01-01T00:00:00Z"'
    with pytest.raises(Refused) as caught:
        decode(f'{{"type":"a",{REST},{both}}}', max_bytes=MAX_BYTES)
    assert caught.value.failure.field == "expires_in_seconds"


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_nothing_but_malformed_and_refused_is_raised(frame: str) -> None:
    with pytest.raises(Malformed):
        decode(frame, max_bytes=MAX_BYTES)


KEYS = [
    *("type", "user_id", "title", "message", "notification_type", "data", "link"),
    *("limit", "before_id", "notification_id", "expires_at", "idempotency_key"),
    "expires_in_seconds",
]
TYPES = ["send_notification", "get_notifications", "mark_read", "mark_all_read", "approval", "ping"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def outcome(frame: str) -> Action | Ping | RefreshToken | Malformed | Refused:
    try:
        return decode(frame, max_bytes=65_536)
    except (Malformed, Refused) as error:
        return error


@given(st.lists(st.tuples(st.sampled_from(KEYS), VALUES)))
def test_any_object_is_an_action_or_malformed_or_refused(pairs: list[tuple[str, Any]]) -> None:
    body = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs)
    result = outcome("{" + body + "}")
    if isinstance(result, Malformed):
        assert encode(error(result.code, result.message))
    elif isinstance(result, Refused):
        assert result.failure.field in KEYS
    else:
        assert type(result) in CLIENT_MESSAGES.values()


def test_messages_are_compact_json_in_utf8() -> None:
    assert encode({"type": "error", "code": "NOT_FOUND", "message": "schön 😀 \u2028"}) == (
        '{"type":"error","code":"NOT_FOUND","message":"schön 😀 \u2028"}'.encode()
    )
    assert encode(notifications_list([], total=0, unread_count=0)) == (
        b'{"type":"notifications_list","notifications":[],"total":0,"unread_count":0}'
    )
