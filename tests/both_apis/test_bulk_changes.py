"""Bulk changes over both APIs: what the caller gets, and what other devices receive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from live_inbox import services
from live_inbox.models import Notification
from tests.both_apis.devices import Device, GraphQLDevice, JsonDevice, Refused

pytestmark = pytest.mark.django_db(transaction=True)

OpenAny = Callable[[str], Any]

MUTATIONS = {
    "mark_all_read": "markAllRead",
    "archive_all": "archiveAll",
    "delete_all": "deleteAll",
}
ANSWERS = {
    "mark_all_read": "notifications_marked_read",
    "archive_all": "notifications_archived",
    "delete_all": "notifications_deleted",
}


def change(device: Any, name: str, **filter: Any) -> tuple[int, str | None]:
    """Make a bulk change; return how many were changed, and the token."""
    if isinstance(device, JsonDevice):
        done = device._ask({"type": name, **filter}, ANSWERS[name])
        return done["count"], done.get("undo_token")
    assert isinstance(device, GraphQLDevice)
    field = MUTATIONS[name]
    query = f"mutation ($filter: NotificationFilter) {{ {field}(filter: $filter) {{ count hasMore undoToken }} }}"
    done = device.ask(query, filter=filter)[field]
    assert done["hasMore"] is False
    return done["count"], done["undoToken"]


def undo(device: Any, token: str) -> int:
    if isinstance(device, JsonDevice):
        count: int = device._ask({"type": "undo", "undo_token": token}, "change_undone")["count"]
        return count
    query = "mutation ($token: String!) { undo(token: $token) { count } }"
    undone: int = device.ask(query, token=token)["undo"]["count"]
    return undone


def await_change(device: Any) -> None:
    assert device.next_change().what == "reloaded"


def await_undo(device: Any, name: str) -> None:
    """Wait for two events; where they bring something back, they are one new list to clients of the JSON protocol."""
    is_marked = name == "mark_all_read"
    for _ in range(2 if is_marked or isinstance(device, GraphQLDevice) else 1):
        assert device.next_change().what == ("unread" if is_marked else "reloaded")


def shown(device: Any, folder: str = "inbox") -> list[tuple[str, bool]]:
    return [(each.title, each.read) for each in device.list(folder).notifications]


BEFORE = [("three", False), ("two", False), ("one", False)]


@pytest.mark.parametrize(
    ("name", "inbox", "archive"),
    [
        ("mark_all_read", [("three", True), ("two", False), ("one", True)], []),
        ("archive_all", [("two", False)], [("three", False), ("one", False)]),
        ("delete_all", [("two", False)], []),
    ],
)
def test_a_change_of_what_a_filter_has_is_undone(
    open_first: OpenAny,
    open_second: OpenAny,
    alice: int,
    name: str,
    inbox: list[tuple[str, bool]],
    archive: list[tuple[str, bool]],
) -> None:
    for title, type in (("one", "news"), ("two", "general"), ("three", "news")):
        services.send(recipient_id=alice, title=title, type=type)
    phone, laptop = open_first("alice"), open_second("alice")
    count, token = change(phone, name, types=["news"])
    assert count == 2
    assert token is not None
    for device in (phone, laptop):
        await_change(device)
        assert shown(device) == inbox
        assert shown(device, "archive") == archive
    assert undo(laptop, token) == 2
    for device in (phone, laptop):
        await_undo(device, name)
        assert shown(device) == BEFORE
        assert shown(device, "archive") == []
    with pytest.raises(Refused, match="NOT_FOUND"):
        undo(phone, token)


def test_a_deletion_is_undone(open_first: OpenAny, open_second: OpenAny, alice: int) -> None:
    for title in ("one", "two", "three"):
        services.send(recipient_id=alice, title=title)
    phone, laptop = open_first("alice"), open_second("alice")
    number = phone.list().notifications[1].id
    token = phone.delete_undoably(number)
    for device in (phone, laptop):
        assert device.next_change().what == "deleted"
        assert shown(device) == [("three", False), ("one", False)]
    assert undo(laptop, token) == 1
    for device in (phone, laptop):
        assert device.next_change().what == "reloaded"
        assert shown(device) == BEFORE
    with pytest.raises(Refused, match="NOT_FOUND"):
        undo(phone, token)


def test_what_is_wrong_is_refused(open_first: OpenAny, alice: int) -> None:
    phone = open_first("alice")
    for name, filter in (
        ("delete_all", {"text": "x" * 101}),
        ("archive_all", {"types": ["no slug"]}),
        ("delete_all", {"categories": ["c"] * 21}),
    ):
        with pytest.raises(Refused, match="BAD_USER_INPUT"):
            change(phone, name, **filter)


def test_each_bulk_change_and_its_undoing_shows_once_on_every_device(
    phone: Device, laptop: Device, alice: int
) -> None:
    services.send(recipient_id=alice, title="one")
    for device in (phone, laptop):
        assert device.next_change().what == "added"
    for name in ("mark_all_read", "archive_all", "delete_all"):
        count, token = change(phone, name, types=["general"])
        assert (count, token is None) == (1, False)
        for device in (phone, laptop):
            await_change(device)
        assert undo(phone, token or "") == 1
        for device in (phone, laptop):
            what = "unread" if name == "mark_all_read" else "reloaded"
            assert device.next_change().what == what
            listed = device.list()
            assert [each.title for each in listed.notifications] == ["one"]
            assert (listed.total, listed.unread) == (1, 1)
            # Nothing else was sent.
            assert not device.changes  # type: ignore[attr-defined]


def test_events_of_graphql_name_what_was_changed_and_bring_back_what_was_deleted(
    open_device: Callable[..., Any], alice: int
) -> None:
    device = open_device("graphql", "alice")
    sent = services.send(recipient_id=alice, title="one").notification
    assert sent is not None
    position = device.ask("{ notifications { position } }")["notifications"]["position"]
    token = change(device, "mark_all_read", types=["general"])[1] or ""
    undo(device, token)
    token = change(device, "archive_all")[1] or ""
    undo(device, token)
    token = change(device, "delete_all")[1] or ""
    undo(device, token)
    # Until the server's stream has the deletion, it may show what came before with its content.
    newest = device.ask("{ notifications { position } }")["notifications"]["position"]
    while device.position != newest:
        device.note(device.receive())
    events = _events(device, position, 6)
    ids = [str(sent.pk)]
    assert events == [
        {"__typename": "NotificationsUpdated", "change": "READ", "notificationIds": ids},
        # What came before the deletion has no content any more.
        {"__typename": "PositionAdvanced"},
        {"__typename": "NotificationsUpdated", "change": "ARCHIVED", "notificationIds": ids},
        {"__typename": "PositionAdvanced"},
        {"__typename": "NotificationsDeleted", "notificationIds": ids},
        {
            "__typename": "NotificationUpdated",
            "change": "RESTORED",
            "notification": {"title": "one"},
        },
    ]
    assert Notification.objects.count() == 1


def _events(device: GraphQLDevice, position: str, count: int) -> list[dict[str, Any]]:
    query = """subscription ($after: String) { notificationEvents(after: $after) { __typename
        ... on NotificationsUpdated { change notificationIds }
        ... on NotificationsDeleted { notificationIds }
        ... on NotificationUpdated { change notification { title } }
    } }"""
    payload = {"query": query, "variables": {"after": position}}
    device.send_json({"id": "all", "type": "subscribe", "payload": payload})
    found: list[dict[str, Any]] = []
    while len(found) < count:
        message = device.receive()
        if message.get("id") == "all":
            found.append(message["payload"]["data"]["notificationEvents"])
    return found
