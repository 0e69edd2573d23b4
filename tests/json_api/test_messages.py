"""The messages: the guide's to the letter, and the specification, the AsyncAPI document and the code as one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from dataclasses import replace as replace_field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

import pytest
from graphql import build_schema
from msgspec.structs import replace

from live_inbox.bulk_states import AudienceKind, BulkState
from live_inbox.campaigns import Campaign
from live_inbox.conf import InboxSettings
from live_inbox.content import CONTENT_FIELDS, EDITABLE_BY_CLIENTS
from live_inbox.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    NotificationError,
    RateLimited,
)
from live_inbox.events import Event, Folder, Kind, Person, Snapshot
from live_inbox.internals.uvicorn_frames import MAX_FRAMES
from live_inbox.json_api import close_codes, messages, protocol
from live_inbox.json_api.bulk_messages import (
    CampaignObject,
    CancelCampaign,
    GetCampaign,
    RecallCampaign,
    RecipientObject,
    SendMany,
    StartCampaign,
    campaign_message,
    notifications_sent,
)
from live_inbox.json_api.codec import MAX_DEPTH, decode, encode
from live_inbox.json_api.failures import WIRE_NAMES, ErrorBody, Failure
from live_inbox.json_api.messages import (
    CLIENT_MESSAGES,
    DEFAULT_LIMIT,
    Action,
    CancelSend,
    DeleteNotification,
    FaultCode,
    GetCounts,
    GetNotification,
    GetNotifications,
    MarkAllRead,
    MarkRead,
    MarkUnread,
    NotificationObject,
    Ping,
    RefreshToken,
    SendNotification,
    ServerMessage,
    refusal,
)
from live_inbox.json_api.sent_messages import (
    EditNotification,
    RecallNotification,
    notification_edited,
    notification_recalled,
)
from live_inbox.json_api.topic_messages import (
    GetTopics,
    SubscribeToTopic,
    UnsubscribeFromTopic,
    topic_changed,
    topics_list,
)
from live_inbox.json_api.type_messages import (
    ChannelObject,
    ChannelPreference,
    GetPreferences,
    GetTypes,
    SetPreference,
    TypeObject,
    notification_preferences,
    notification_types,
    preference_set,
)
from live_inbox.selectors import ChannelName, ChannelState, ListFilter, PreferenceState, Reception
from live_inbox.services import (
    RecipientResult,
    RecipientResults,
    SenderDeleted,
    SendManyCancelled,
    SendManyInterrupted,
    SendStatus,
    SentMany,
)

pytestmark = pytest.mark.stack("embedded")

# -- the guide, verbatim ---------------------------------------------------------------------------

GUIDE_SEND = """{
  "type": "send_notification",
  "user_id": 123,
  "title": "Title",
  "message": "Message",
  "type": "approval",
  "data": {...},
  "link": "/some/url"
}"""
GUIDE_GET = """{
  "type": "get_notifications"
}"""
GUIDE_MARK_READ = """{
  "type": "mark_read",
  "notification_id": 456
}"""
GUIDE_MARK_ALL_READ = """{
  "type": "mark_all_read"
}"""
GUIDE_DELETE = """{
  "type": "delete_notification",
  "notification_id": 456
}"""

GUIDE_NOTIFICATION = """{
  "type": "notification",
  "notification": {
    "id": 123,
    "title": "Title",
    "message": "Message",
    "type": "approval",
    "read": false,
    "created_at": "2024-01-01T00:00:00Z",
    "data": {...}
  }
}"""
GUIDE_LIST = """{
  "type": "notifications_list",
  "notifications": [...],
  "total": 10,
  "unread_count": 3
}"""
GUIDE_SENT = """{
  "type": "notification_sent",
  "success": true,
  "notification_id": 123
}"""
GUIDE_MARKED_READ = """{
  "type": "notification_marked_read",
  "notification_id": 456,
  "success": true
}"""


def _send(**content: Any) -> SendNotification:
    """Return the guide's send, with these fields of the content."""
    rest: Any = {"type": "approval", "title": "Title", "message": "Message"}
    absent: Any = dict.fromkeys(CONTENT_FIELDS)
    return SendNotification("123", absent | rest | content)


GUIDE_ACTIONS = {
    GUIDE_SEND: _send(data={}, link="/some/url"),
    GUIDE_GET: GetNotifications(),
    GUIDE_MARK_READ: MarkRead(456),
    GUIDE_MARK_ALL_READ: MarkAllRead(),
    GUIDE_DELETE: DeleteNotification(456),
}

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
SNAPSHOT = Snapshot(123, "approval", "Title", "Message", "", {}, NEW_YEAR, None, None)

GUIDE_MESSAGES: dict[str, ServerMessage] = {
    GUIDE_LIST: messages.notifications_list([], total=10, unread_count=3),
    GUIDE_SENT: messages.notification_sent(123),
    GUIDE_MARKED_READ: messages.confirmation(MarkRead(456)),
}


def filled(text: str) -> str:
    """Write empty values where the guide has dots."""
    return text.replace("{...}", "{}").replace("[...]", "[]")


@pytest.mark.parametrize("text", GUIDE_ACTIONS)
def test_message_of_the_guide_is_understood(text: str) -> None:
    assert decode(filled(text), max_bytes=1024) == GUIDE_ACTIONS[text]


@pytest.mark.parametrize("text", GUIDE_MESSAGES)
def test_message_of_the_guide_is_said(text: str) -> None:
    assert json.dumps(GUIDE_MESSAGES[text], indent=2) == filled(text)


def test_notification_of_the_guide_is_said_with_its_link() -> None:
    said = messages.notification(SNAPSHOT)
    assert list(said["notification"].items())[-1] == ("link", None)
    without_link = {key: value for key, value in said["notification"].items() if key != "link"}
    assert json.dumps({**said, "notification": without_link}, indent=2) == filled(
        GUIDE_NOTIFICATION
    )


# -- what the guide leaves open --------------------------------------------------------------------

SENDER = Person("8", "bob", "Bob")


def test_notification_has_every_key_in_its_place() -> None:
    read_at = NEW_YEAR + timedelta(hours=1)
    data = {"item": 5}
    snapshot = Snapshot(1, "general", "T", "M", "/here", data, NEW_YEAR, read_at, SENDER)
    assert messages.notification(snapshot)["notification"] == {
        "id": 1,
        "title": "T",
        "message": "M",
        "type": "general",
        "read": True,
        "created_at": "2024-01-01T00:00:00Z",
        "data": {"item": 5},
        "link": "/here",
    }


def test_only_a_notification_that_expires_says_when() -> None:
    expires_at = datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    message = messages.notification(replace(SNAPSHOT, expires_at=expires_at))["notification"]
    assert message == {**NOTIFICATION, "expires_at": "2024-01-02T03:04:05Z"}
    assert "expires_at" not in NOTIFICATION


def test_only_what_differs_from_the_usual_is_added_to_a_notification() -> None:
    until = datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    unusual = replace(
        SNAPSHOT,
        priority="urgent",
        icon="bell",
        actor={"name": "Ana"},
        target={"type": "shop.order", "id": "7"},
        actions=[{"label": "Open", "link": "/"}],
        format="markdown",
        folder=Folder.SNOOZED,
        snoozed_until=until,
        pinned=True,
        performed_action="pay",
        performed_at=until,
        edited_at=until,
    )
    assert messages.notification(unusual)["notification"] == {
        **NOTIFICATION,
        "priority": "urgent",
        "icon": "bell",
        "actor": {"name": "Ana"},
        "target": {"type": "shop.order", "id": "7"},
        "actions": [{"label": "Open", "link": "/"}],
        "format": "markdown",
        "folder": "snoozed",
        "snoozed_until": "2024-01-02T03:04:05Z",
        "pinned": True,
        "performed_action": "pay",
        "performed_at": "2024-01-02T03:04:05Z",
        "edited_at": "2024-01-02T03:04:05Z",
    }


@pytest.mark.parametrize(("unseen", "shown"), [(None, {}), (3, {}), (2, {"unseen_count": 2})])
def test_a_list_has_the_unseen_ones_if_they_are_not_all_unread_ones(
    unseen: int | None, shown: dict[str, int]
) -> None:
    reply = messages.notifications_list([], total=5, unread_count=3, unseen_count=unseen)
    usual = {"type": "notifications_list", "notifications": [], "total": 5, "unread_count": 3}
    assert reply == usual | shown


def test_an_expiry_is_sent_as_a_deletion() -> None:
    event = Event(
        "7", "e", 1, Kind.EXPIRED, NEW_YEAR, unread_count=0, total_count=0, notification_id=456
    )
    assert messages.event_message(event) == messages.confirmation(DeleteNotification(456))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC), "2024-01-01T23:59:59Z"),
        (datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2023-12-31T23:00:00Z"),
    ],
)
def test_times_are_utc_in_whole_seconds(moment: datetime, text: str) -> None:
    snapshot = Snapshot(1, "general", "T", "M", "", {}, moment, None, None)
    assert messages.notification(snapshot)["notification"]["created_at"] == text


def test_suppressed_send_succeeds_without_an_id() -> None:
    assert messages.notification_sent(None) == {
        "type": "notification_sent",
        "success": True,
        "notification_id": None,
        "suppressed": True,
    }


def test_scheduled_send_succeeds_with_the_number_of_what_waits() -> None:
    assert messages.notification_scheduled(7) == {
        "type": "notification_sent",
        "success": True,
        "notification_id": None,
        "scheduled_id": 7,
    }
    assert messages.send_cancelled(False) == {
        "type": "send_cancelled",
        "success": True,
        "cancelled": False,
    }


CONFIRMED: list[tuple[MarkRead | MarkUnread | DeleteNotification, str]] = [
    (MarkRead(1), "notification_marked_read"),
    (MarkUnread(1), "notification_marked_unread"),
    (DeleteNotification(1), "notification_deleted"),
]


@pytest.mark.parametrize(("action", "name"), CONFIRMED)
def test_change_is_confirmed_and_refused_by_the_same_message(
    action: MarkRead | MarkUnread | DeleteNotification, name: str
) -> None:
    assert messages.confirmation(action) == {"type": name, "notification_id": 1, "success": True}
    assert refusal(type(action), Failure("NOT_FOUND", "Not here."), notification_id=1) == {
        "type": name,
        "notification_id": 1,
        "success": False,
        "error": {"code": "NOT_FOUND", "message": "Not here."},
    }


def messages_of_campaign(**changes: Any) -> Any:
    """A message about a campaign, with these fields of it."""
    given: dict[str, Any] = {
        "state": BulkState.RUNNING,
        "reason": "",
        "audience": AudienceKind.TOPIC,
        "audience_name": "news",
        "deliver_at": NEW_YEAR + timedelta(hours=1),
        **changes,
    }
    campaign = Campaign(
        id=5,
        total=9,
        sent=4,
        suppressed=1,
        failed=2,
        scheduled=0,
        recalled=0,
        sender_id=7,
        idempotency_key=None,
        started_at=NEW_YEAR,
        changed_at=NEW_YEAR + timedelta(hours=2),
        **given,
    )
    return campaign_message("campaign_progress", campaign, Reception(3, 2, is_exact=False))


REFUSALS: dict[type[Action], dict[str, Any]] = {
    SendNotification: {
        "type": "notification_sent",
        "success": False,
        "notification_id": None,
        "error": {"code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5},
    },
    CancelSend: {
        "type": "send_cancelled",
        "success": False,
        "error": {"code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5},
    },
    MarkAllRead: {
        "type": "all_notifications_marked_read",
        "success": False,
        "error": {"code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5},
    },
    **{
        action: {
            "type": name,
            "success": False,
            "error": {"code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5},
        }
        for action, name in (
            (SubscribeToTopic, "topic_subscribed"),
            (UnsubscribeFromTopic, "topic_unsubscribed"),
        )
    },
    SendMany: {
        "type": "notifications_sent",
        "success": False,
        "error": {"code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5},
    },
    SetPreference: {
        "type": "preference_set",
        "success": False,
        "error": {"code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5},
    },
    **{
        each: {"type": "error", "code": "RATE_LIMITED", "message": "Too fast.", "retry_after": 1.5}
        for each in (GetNotifications, GetCounts, GetTypes, GetPreferences, GetTopics)
    },
}


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (GetNotification, "notification_details"),
        (EditNotification, "notification_edited"),
        (RecallNotification, "notification_recalled"),
    ],
)
def test_what_names_a_notification_is_refused_with_the_id_of_the_request(
    action: type[Action], name: str
) -> None:
    failure = Failure("NOT_FOUND", "Not there.")
    for id_ in (5, None):
        assert refusal(action, failure, notification_id=id_) == {
            "type": name,
            "notification_id": id_,
            "success": False,
            "error": {"code": "NOT_FOUND", "message": "Not there."},
        }


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (StartCampaign, "campaign_started"),
        (GetCampaign, "campaign_progress"),
        (CancelCampaign, "campaign_cancelled"),
        (RecallCampaign, "campaign_recalled"),
    ],
)
def test_what_is_asked_of_a_campaign_is_refused_with_its_id(
    action: type[Action], name: str
) -> None:
    failure = Failure("NOT_FOUND", "Not there.")
    for id_ in (5, None):
        assert refusal(action, failure, campaign_id=id_) == {
            "type": name,
            "campaign_id": id_,
            "success": False,
            "error": {"code": "NOT_FOUND", "message": "Not there."},
        }


def test_a_bulk_send_that_broke_off_says_how_far_it_came() -> None:
    progress = SentMany(sent=2, suppressed=1, replayed=3)
    shown = {"sent_count": 5, "remaining_count": 4}
    deleted = Failure.of(SenderDeleted(progress, remaining=4)).body()
    assert deleted == {"code": "BAD_USER_INPUT", "message": deleted["message"], **shown}
    cancelled = Failure.of(SendManyCancelled(progress, remaining=4)).body()
    assert cancelled == {"code": "CONFLICT", "message": cancelled["message"], **shown}
    interrupted = SendManyInterrupted(progress, remaining=4, has_key=True)
    failure = Failure.unavailable(interrupted).body()
    reason = {"code": "SERVICE_UNAVAILABLE", "reason": "database_unavailable"}
    assert failure == {**reason, "message": str(interrupted), **shown}
    assert "The same call with the same idempotency key" in failure["message"]


def test_campaign_shows_every_field() -> None:
    assert messages_of_campaign()["campaign"] == {
        "id": 5,
        "state": "running",
        "total": 9,
        "sent": 4,
        "suppressed": 1,
        "failed": 2,
        "scheduled": 0,
        "recalled": 0,
        "seen": 3,
        "read": 2,
        "is_exact": False,
        "reason": None,
        "topic": "news",
        "segment": None,
        "deliver_at": "2024-01-01T01:00:00Z",
        "started_at": "2024-01-01T00:00:00Z",
        "changed_at": "2024-01-01T02:00:00Z",
    }


@pytest.mark.parametrize("action", REFUSALS)
def test_other_actions_are_refused_in_their_own_way(action: type[Action]) -> None:
    failure = Failure("RATE_LIMITED", "Too fast.", retry_after=1.5)
    assert refusal(action, failure) == REFUSALS[action]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (NotFound("Gone."), Failure("NOT_FOUND", "Gone.")),
        (Forbidden("No."), Failure("FORBIDDEN", "No.")),
        (RateLimited("Wait.", retry_after=2.5), Failure("RATE_LIMITED", "Wait.", retry_after=2.5)),
        (InvalidInput("Bad.", field="title"), Failure("BAD_USER_INPUT", "Bad.", field="title")),
        (
            InvalidInput("Bad.", field="recipient_id"),
            Failure("BAD_USER_INPUT", "Bad.", field="user_id"),
        ),
        (
            InvalidInput("Bad.", field="type"),
            Failure("BAD_USER_INPUT", "Bad.", field="notification_type"),
        ),
    ],
)
def test_errors_of_the_domain_are_named_as_on_the_wire(
    error: NotificationError, failure: Failure
) -> None:
    assert Failure.of(error) == failure


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ALL_READ])
def test_event_without_what_its_message_needs_has_no_message(kind: Kind) -> None:
    event = Event("7", "e", 1, kind, NEW_YEAR, unread_count=0, total_count=0)
    assert messages.event_message(event) is None


TOLD: dict[Kind, dict[str, Any] | None] = {
    Kind.ADDED: dict(messages.notification(SNAPSHOT)),
    Kind.READ: {"type": "notification_marked_read", "notification_id": 123, "success": True},
    Kind.UNREAD: {"type": "notification_marked_unread", "notification_id": 123, "success": True},
    Kind.DELETED: {"type": "notification_deleted", "notification_id": 123, "success": True},
    Kind.EXPIRED: {"type": "notification_deleted", "notification_id": 123, "success": True},
    Kind.RECALLED: {"type": "notification_deleted", "notification_id": 123, "success": True},
    Kind.ALL_READ: {"type": "all_notifications_marked_read", "success": True, "count": 2},
    Kind.ARCHIVED: {"type": "notification_deleted", "notification_id": 123, "success": True},
    Kind.UNARCHIVED: None,
    Kind.SNOOZED: {"type": "notification_deleted", "notification_id": 123, "success": True},
    Kind.RETURNED: dict(messages.notification(SNAPSHOT)),
    Kind.PINNED: None,
    Kind.UNPINNED: None,
    Kind.ACTION: None,
    Kind.EDITED: None,
    Kind.SEEN: None,
    Kind.MANY_READ: None,
    Kind.MANY_ARCHIVED: None,
    Kind.MANY_DELETED: None,
    Kind.GROUPED: {"type": "notification_deleted", "notification_id": 123, "success": True},
    Kind.UNGROUPED: None,
    Kind.RESTORED: None,
    Kind.OTHER_CHANGE: None,
    Kind.OTHER: None,
}


@pytest.mark.parametrize("kind", Kind)
def test_event_of_every_kind_has_its_message(kind: Kind) -> None:
    event = Event("7", "e", 1, kind, NEW_YEAR, 0, 3, SNAPSHOT, SNAPSHOT.id, "approval", 2, 123)
    assert messages.event_message(event) == TOLD[kind]


# -- one vocabulary in three places ----------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "legacy-protocol.md").read_text()
DOCUMENT: dict[str, Any] = json.loads((DOCS / "legacy-protocol.asyncapi.json").read_text())
CHANNEL = DOCUMENT["channels"]["notifications"]
DESCRIBED: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]

# Of each message that the server may send: the type that describes it.
SERVER_MESSAGES: dict[str, type] = {
    name: kind
    for kind in get_args(ServerMessage)
    for name in get_args(get_type_hints(kind)["type"])
}

SECTIONS: dict[str, str] = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##)", PAGE, re.M | re.S))
ABOUT = re.compile(
    r"\s*(client|server) → (client|server) · (guide|addition)(?:.* answered by `(\w+)`)?"
)


def section(name: str) -> tuple[re.Match[str], str]:
    """What the page says of a message: its first line, and the whole."""
    text = SECTIONS[f"`{name}`"]
    about = ABOUT.match(text)
    assert about is not None
    return about, text


def rows(text: str, *, under: str) -> dict[str, list[str]]:
    """The first table with that heading in its first column: the cells of each row, by the first."""
    table = re.search(rf"^\| {under} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    assert table is not None, under
    lines = [line.strip("| ").split(" | ") for line in table[1].splitlines()]
    return {line[0].strip("`"): [cell.strip(" |") for cell in line[1:]] for line in lines}


FILTER_KEYS = {"pinned_only" if each.name == "pinned" else each.name for each in fields(ListFilter)}
"""The keys of a message that are a filter."""


def keys(kind: Any) -> dict[str, bool]:
    """The keys of a message, and whether each must be there."""
    if kind in (SendNotification, SendMany, StartCampaign):
        content = {WIRE_NAMES.get(name, name): False for name in CONTENT_FIELDS}
        added = dict.fromkeys(("expires_in_seconds", "deliver_at", "context"), False)
        own = {f.name: f.default is MISSING for f in fields(kind) if f.name != "content"}
        return {"type": True, **own, **content, **added}
    if kind in CLIENT_MESSAGES.values():
        own = {f.name: f.default is MISSING for f in fields(kind)}
        if kind is EditNotification:
            del own["content"]
            own |= dict.fromkeys((*EDITABLE_BY_CLIENTS, "expires_in_seconds", "context"), False)
        if own.pop("filter", None) is not None:
            own |= dict.fromkeys(FILTER_KEYS, False)
        return {"type": True, **own}
    hints = get_type_hints(kind, include_extras=True)
    return {key: get_origin(hint) is not NotRequired for key, hint in hints.items()}


def examples(text: str) -> list[str]:
    return re.findall(r"^```json\n(.*?)\n```$", text, re.M | re.S)


def check(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a JSON value is valid; knows only the keywords that the document uses."""
    judges: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda ref: check(value, SCHEMAS[ref.removeprefix("#/components/schemas/")]),
        "anyOf": lambda choices: any(check(value, choice) for choice in choices),
        "const": lambda constant: value == constant and type(value) is type(constant),
        "enum": lambda values: value in values,
        "type": lambda names: json_type(value) in ([names] if isinstance(names, str) else names),
        "required": lambda names: set(names) <= set(value),
        "properties": lambda known: all(
            key not in known or check(item, known[key]) for key, item in value.items()
        ),
        "items": lambda item: all(check(part, item) for part in value),
        "minimum": lambda least: not isinstance(value, int) or value >= least,
        "maximum": lambda most: not isinstance(value, int) or value <= most,
        "minLength": lambda least: not isinstance(value, str) or len(value) >= least,
        "maxLength": lambda most: not isinstance(value, str) or len(value) <= most,
        "pattern": lambda text: not isinstance(value, str) or re.search(text, value) is not None,
        "description": lambda _: True,
    }
    return all(judges[keyword](argument) for keyword, argument in schema.items())


def json_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def test_page_and_document_have_every_message_and_no_other() -> None:
    every = {*CLIENT_MESSAGES, *SERVER_MESSAGES}
    assert {name.strip("`") for name in SECTIONS if name.startswith("`")} == every
    assert set(DESCRIBED) == every
    assert CHANNEL["messages"] == {name: ref(f"components/messages/{name}") for name in every}


@pytest.mark.parametrize("name", [*CLIENT_MESSAGES, *SERVER_MESSAGES])
def test_page_document_and_code_agree_on_a_message(name: str) -> None:
    about, text = section(name)
    kind = CLIENT_MESSAGES.get(name) or SERVER_MESSAGES[name]
    assert about[1] == ("client" if name in CLIENT_MESSAGES else "server")
    assert about[2] == ("server" if name in CLIENT_MESSAGES else "client")
    payload = DESCRIBED[name]["payload"]
    assert DESCRIBED[name]["name"] == name
    assert DESCRIBED[name]["tags"] == [{"name": about[3]}]
    assert set(rows(text, under="key")) == set(keys(kind)) == set(payload["properties"])
    assert set(payload["required"]) == {key for key, required in keys(kind).items() if required}


@pytest.mark.parametrize("name", CLIENT_MESSAGES)
def test_examples_of_a_client_message_are_understood_as_it(name: str) -> None:
    _, text = section(name)
    described = [json.dumps(example["payload"]) for example in DESCRIBED[name]["examples"]]
    assert len(examples(text)) >= 1
    for example in [*examples(text), *described]:
        assert type(decode(example, max_bytes=1024)) is CLIENT_MESSAGES[name]
        assert check(json.loads(example), DESCRIBED[name]["payload"])


def test_three_forms_of_a_send_are_one() -> None:
    _, text = section("send_notification")
    sends = [decode(example, max_bytes=1024) for example in examples(text)]
    send = _send(data={"item": 5}, link="/some/url")
    ends = _send(expires_at=datetime(2124, 1, 1, tzinfo=UTC))
    with_key = replace_field(_send(), idempotency_key="order-7-shipped")
    context: Any = dict.fromkeys(CONTENT_FIELDS)
    context |= {"type": "billing.invoice", "context": {"number": 7}}
    later = _send(deliver_at=datetime(2124, 1, 1, tzinfo=UTC))
    assert sends == [send] * 3 + [ends, SendNotification("123", context), with_key, later]


@pytest.mark.parametrize("name", SERVER_MESSAGES)
def test_examples_of_a_server_message_are_valid(name: str) -> None:
    _, text = section(name)
    described = [example["payload"] for example in DESCRIBED[name]["examples"]]
    assert len(examples(text)) >= 1
    for example in [*map(json.loads, examples(text)), *described]:
        assert example["type"] == name
        assert set(example) <= set(keys(SERVER_MESSAGES[name]))
        assert check(example, DESCRIBED[name]["payload"])


FAILURES = [
    Failure("BAD_USER_INPUT", "Bad.", field="title"),
    Failure("RATE_LIMITED", "Wait.", retry_after=0.5),
    Failure("INTERNAL_SERVER_ERROR", "Failed."),
]
PREFERENCE = PreferenceState(
    "approval",
    (ChannelState("in_app", "Inbox", True, True), ChannelState("email", "E-mail", False, False)),
    label="Approvals",
    description="Forms of yours.",
    category="forms",
)
SAID: list[ServerMessage] = [
    *GUIDE_MESSAGES.values(),
    messages.notification(SNAPSHOT),
    messages.notification(replace(SNAPSHOT, expires_at=NEW_YEAR)),
    messages.notifications_list([SNAPSHOT, SNAPSHOT], total=2, unread_count=2),
    messages.notification_sent(None),
    messages.notification_details(SNAPSHOT),
    messages.all_notifications_marked_read(0),
    messages.pong(),
    *(messages.error(code, "Not understood.") for code in FaultCode),
    *(messages.confirmation(action) for action, _ in CONFIRMED),
    notification_edited(5, changed=False),
    notification_recalled(5, recalled=True),
    notification_recalled(None, recalled=False),
    topics_list(["a", "b"]),
    topic_changed("topic_subscribed", ["a"], changed=True),
    topic_changed("topic_unsubscribed", [], changed=False),
    notifications_sent(
        RecipientResults(
            [
                RecipientResult("7", SendStatus.SENT, 123),
                *(RecipientResult("8", status) for status in SendStatus),
            ]
        ),
        campaign_id=5,
    ),
    notifications_sent(RecipientResults(), campaign_id=None),
    refusal(SendMany, Failure("CONFLICT", "Cancelled.", sent_count=2, remaining_count=3)),
    messages_of_campaign(),
    *(messages_of_campaign(state=state, audience=None, reason="x") for state in BulkState),
    messages_of_campaign(audience=AudienceKind.SEGMENT, deliver_at=None),
    notification_types([PREFERENCE], [ChannelName("in_app", "Inbox")]),
    notification_preferences([PREFERENCE]),
    preference_set(PREFERENCE),
    *(refusal(action, failure) for action in get_args(Action) for failure in FAILURES),
]


@pytest.mark.parametrize("message", SAID, ids=lambda message: message["type"])
def test_what_the_code_says_is_what_the_document_describes(message: ServerMessage) -> None:
    payload = DESCRIBED[message["type"]]["payload"]
    assert check(json.loads(encode(message)), payload)
    assert set(message) <= set(payload["properties"])


NOTIFICATION = messages.notification(SNAPSHOT)["notification"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notification_marked_read", {"notification_id": "456"}),
        ("notification_marked_read", {"notification_id": 0}),
        ("notification_marked_read", {"success": 1}),
        ("notification_marked_read", {"error": {"code": "NOT_FOUND"}}),
        ("error", {"code": "UNHEARD_OF"}),
        ("notifications_list", {"notifications": [{}]}),
        ("notification", {"notification": {**NOTIFICATION, "created_at": "2024-01-01"}}),
        ("notification", {"notification": {**NOTIFICATION, "read": None}}),
    ],
)
def test_document_refuses_what_is_wrong(name: str, value: dict[str, Any]) -> None:
    good = DESCRIBED[name]["examples"][0]["payload"]
    assert check(good, DESCRIBED[name]["payload"])
    assert not check({**good, **value}, DESCRIBED[name]["payload"])


def test_page_document_and_code_agree_on_the_notification_object() -> None:
    table = rows(SECTIONS["The notification object"], under="key")
    assert list(table) == list(keys(NotificationObject))
    assert list(SCHEMAS["Notification"]["properties"]) == list(table)
    required = [key for key, must in keys(NotificationObject).items() if must]
    assert list(SCHEMAS["Notification"]["required"]) == required
    assert [key for key in table if key not in required] == [
        "expires_at",
        "priority",
        "icon",
        "actor",
        "target",
        "actions",
        "format",
        "folder",
        "snoozed_until",
        "pinned",
        "performed_action",
        "performed_at",
        "edited_at",
        "group_key",
        "group_count",
        "group_actors",
    ]


def test_type_shows_what_is_declared_of_it_and_what_the_user_wants() -> None:
    assert preference_set(PREFERENCE) == {
        "type": "preference_set",
        "success": True,
        "preference": {
            "type": "approval",
            "enabled": True,
            "required": True,
            "label": "Approvals",
            "description": "Forms of yours.",
            "category": "forms",
            "icon": None,
            "channels": [
                {"channel": "in_app", "label": "Inbox", "enabled": True, "required": True},
                {"channel": "email", "label": "E-mail", "enabled": False, "required": False},
            ],
        },
    }


OBJECTS = {
    "Campaign": CampaignObject,
    "Recipient": RecipientObject,
    "Type": TypeObject,
    "Channel": ChannelObject,
    "ChannelPreference": ChannelPreference,
}


@pytest.mark.parametrize("name", OBJECTS)
def test_page_document_and_code_agree_on_the_other_objects(name: str) -> None:
    own = keys(OBJECTS[name])
    assert list(SCHEMAS[name]["properties"]) == list(own)
    assert SCHEMAS[name]["required"] == [key for key, must in own.items() if must]
    section = SECTIONS.get(f"The {name.lower()} object")
    assert section is None or list(rows(section, under="key")) == list(own)


def test_page_document_and_code_agree_on_errors() -> None:
    text = PAGE.partition("\n## Errors\n")[2].partition("\n## ")[0]
    failures, _, faults = text.partition("is a *fault*")
    codes = {kind.code for kind in NotificationError.__subclasses__()}
    codes |= {"INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "UNAUTHENTICATED"}
    assert set(rows(failures, under="key")) == set(keys(ErrorBody))
    assert set(rows(failures, under="code")) == codes
    assert set(rows(faults, under="code")) == set(FaultCode)
    assert set(SCHEMAS["Error"]["properties"]) == set(keys(ErrorBody))
    assert set(SCHEMAS["Error"]["properties"]["code"]["enum"]) == codes
    assert set(DESCRIBED["error"]["payload"]["properties"]["code"]["enum"]) == {*FaultCode, *codes}


def test_page_and_code_agree_on_close_codes() -> None:
    text = PAGE.partition("\n## Close codes\n")[2]
    table = rows(text, under="code")
    # Sent by the WebSocket server, below the application.
    assert table.pop("1002, 1007, 1009")[-1].startswith("does not reconnect")
    assert table == {
        str(code.value): [closing.reason, closing.advice]
        for code, closing in close_codes.CLOSINGS.items()
    }
    assert set(close_codes.CLOSINGS) == set(close_codes.JsonCloseCode)
    assert all(len(closing.reason.encode()) <= 123 for closing in close_codes.CLOSINGS.values())


def test_page_and_code_agree_on_limits() -> None:
    text = PAGE.partition("\n## Limits\n")[2]
    default = {name: field.default for name, field in InboxSettings.model_fields.items()}
    assert default["socket_rate"] == "50/second burst 200"
    assert default["send_rate"] == "600/minute burst 100"
    assert default["recipient_rate"] == "600/minute burst 200"
    assert default["change_rate"] == "1200/minute burst 300"
    numbers = {what: re.findall(r"\d+", row[0]) for what, row in rows(text, under="what").items()}
    assert numbers == {
        "bytes of a message": [str(default["max_message_bytes"])],
        "messages of a connection": ["50", "200", "4429"],
        "WebSocket pings, unsolicited pongs and fragments": [],
        "frames of a message": [str(MAX_FRAMES), "1009"],
        "sends of a user": ["600", "100"],
        "recipients of one message": [str(default["max_recipients"])],
        "sends of all to one user": ["600", "200"],
        "other changes by a user": ["1200", "300"],
        "actions that wait in a connection": [str(protocol.MAX_QUEUED), "4429"],
        "faults of a connection": [
            str(protocol.MAX_FAULTS),
            f"{protocol.FAULT_WINDOW_SECONDS:.0f}",
            "4400",
        ],
        "notifications in a list": [str(DEFAULT_LIMIT), str(default["max_page_size"])],
    }
    assert f"the {protocol.MAX_FAULTS}th fault within" in PAGE
    assert f"more than {MAX_DEPTH} levels" in PAGE
    assert f"{DEFAULT_LIMIT} if left out" in section("get_notifications")[1]


IN_BOTH = {
    "notifications": "get_notifications",
    "notificationCounts": "get_counts",
    "notification": "get_notification",
    "notificationPreferences": "get_preferences",
    "notificationTypes": "get_types",
    "notificationChannels": "get_types",
    "topics": "get_topics",
    "campaign": "get_campaign",
    "send": "send_notification",
    "sendMany": "send_many",
    "editNotification": "edit_notification",
    "cancelSend": "cancel_send",
    "recall": "recall_notification",
    "markRead": "mark_read",
    "markUnread": "mark_unread",
    "markAllRead": "mark_all_read",
    "archiveAll": "archive_all",
    "deleteAll": "delete_all",
    "undo": "undo",
    "markSeen": "mark_seen",
    "archive": "archive_notification",
    "unarchive": "unarchive_notification",
    "snooze": "snooze_notification",
    "unsnooze": "unsnooze_notification",
    "pin": "pin_notification",
    "unpin": "unpin_notification",
    "performAction": "perform_action",
    "delete": "delete_notification",
    "setNotificationPreference": "set_preference",
    "subscribeToTopic": "subscribe_to_topic",
    "unsubscribeFromTopic": "unsubscribe_from_topic",
    "startCampaign": "start_campaign",
    "cancelCampaign": "cancel_campaign",
    "recallCampaign": "recall_campaign",
    "refreshToken": "refresh_token",
}
"""The fields of GraphQL's root types, and the message that does the same."""


def test_what_graphql_can_do_is_a_message_or_is_said_to_be_graphqls_alone() -> None:
    schema = build_schema((DOCS.parent / "schema.graphql").read_text())
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    every = {name for root in roots if root is not None for name in root.fields}
    text = PAGE.partition("\n## What only GraphQL has\n")[2].partition("\n## ")[0]
    alone = every & set(rows(text, under="GraphQL"))
    assert alone == {"notificationEvents", "viewer", "node", "createTicket", "signOutEverywhere"}
    assert set(IN_BOTH) == every - alone
    assert set(IN_BOTH.values()) == {*CLIENT_MESSAGES} - {"ping"}


def ref(path: str) -> dict[str, str]:
    return {"$ref": f"#/{path}"}


def test_operations_are_the_actions_with_their_answers_and_the_published_messages() -> None:
    channel = ref("channels/notifications")
    operations = dict(DOCUMENT["operations"])
    message = operations.pop("publish")
    assert message["action"] == "send"
    assert set(operations) == set(CLIENT_MESSAGES)
    for name, operation in operations.items():
        about, _ = section(name)
        assert operation["action"] == "receive"
        assert operation["channel"] == operation["reply"]["channel"] == channel
        assert operation["messages"] == [ref(f"channels/notifications/messages/{name}")]
        answers = operation["reply"]["messages"]
        assert answers[0] == ref(f"channels/notifications/messages/{about[4]}")


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))
    assert len(found) > 50
    for path in found:
        place: Any = DOCUMENT
        for step in path.split("/"):
            place = place[step]
        assert isinstance(place, dict)


def test_every_action_of_the_code_is_on_the_wire() -> None:
    assert set(CLIENT_MESSAGES.values()) == {*get_args(Action), Ping, RefreshToken}
