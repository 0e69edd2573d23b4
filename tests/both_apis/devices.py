"""Devices of a user: one class for each API, with the same methods, so that one test body serves both."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from strawberry.utils.str_converters import to_camel_case
from websockets.sync.client import connect
from websockets.typing import Subprotocol

WAIT_SECONDS = 20.0
"""How long a device waits for what must happen. A test only fails by it."""


@dataclass(frozen=True)
class ShownNotification:
    """A notification as a device shows it."""

    id: int
    title: str
    message: str
    type: str
    read: bool
    data: dict[str, Any]
    priority: str = "normal"
    folder: str = "inbox"
    snoozed: bool = False
    pinned: bool = False
    parts: dict[str, Any] = field(default_factory=dict)
    """Icon, actor, target, actions, format and the chosen action, by the names of the JSON API, where there are any."""


@dataclass(frozen=True)
class Listed:
    """What a device shows after it has loaded its list."""

    notifications: list[ShownNotification]
    total: int
    unread: int
    unseen: int


@dataclass(frozen=True)
class Change:
    """What a device receives while it is open: `what` is added, read, unread, deleted or all_read.

    A notification that leaves the inbox is deleted to a device, and one that returns is added, whatever its API says.
    """

    what: str
    notification_id: int | None = None
    notification: ShownNotification | None = None


class Refused(Exception):
    """Raised when the server refuses what a device asks for; carries the code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


Preference = dict[str, Any]
"""A type and what its user wants of it, by the names of the JSON API."""

Topics = list[str]
Preferences = list[Preference]

Counts = dict[str, list[tuple[Any, ...]]]
"""The names of types and of categories, each with total, unread, unseen, and whether these are exact."""


class Device(Protocol):
    """What a test can do with a device of either API."""

    def list(
        self, folder: str = "inbox", *, pinned_only: bool = False, **filter: Any
    ) -> Listed: ...
    def send(
        self, user_id: int, title: str | None, message: str | None = "", **more: Any
    ) -> int | None: ...
    def schedule(self, user_id: int, title: str, deliver_at: str, key: str) -> str: ...
    def cancel(self, *, scheduled_id: str | None = None, key: str | None = None) -> bool: ...
    def edit(self, notification_id: int | None = None, **content: Any) -> bool: ...
    def recall(self, notification_id: int | None = None, *, key: str | None = None) -> bool: ...
    def show(self, notification_id: int) -> ShownNotification: ...
    def send_many(self, **given: Any) -> dict[str, Any]: ...
    def start_campaign(self, **given: Any) -> dict[str, Any]: ...
    def campaign(self, campaign_id: int) -> dict[str, Any]: ...
    def cancel_campaign(self, campaign_id: int) -> dict[str, Any]: ...
    def recall_campaign(self, campaign_id: int) -> dict[str, Any]: ...
    def mark_read(self, notification_id: int) -> None: ...
    def mark_all_read(self) -> None: ...
    def delete(self, notification_id: int) -> None: ...
    def delete_undoably(self, notification_id: int) -> str: ...
    def change(self, name: str, notification_id: int, **more: Any) -> None: ...
    def perform(self, notification_id: int, action_id: str) -> tuple[str, bool]: ...
    def counts(self) -> Counts: ...
    def mark_seen(self) -> int: ...
    def topics(self) -> Topics: ...
    def subscribe(self, topic: str) -> tuple[bool, Topics]: ...
    def unsubscribe(self, topic: str) -> tuple[bool, Topics]: ...
    def types(self) -> tuple[Preferences, dict[str, str]]: ...
    def preferences(self) -> Preferences: ...
    def set_preference(
        self, type: str, *, enabled: bool, channel: str | None = None
    ) -> Preference: ...
    def next_change(self) -> Change: ...
    def close(self) -> None: ...


class Socket:
    """A socket whose messages are JSON, some of which wait until somebody asks for them."""

    def __init__(
        self, address: str, *protocols: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._opened = ExitStack()
        offered = [Subprotocol(name) for name in protocols] or None
        self.connection = self._opened.enter_context(
            connect(address, subprotocols=offered, additional_headers=headers)
        )
        self.changes: list[Change] = []

    def send_json(self, message: dict[str, Any]) -> None:
        self.connection.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(timeout=WAIT_SECONDS))
        return message

    def next_change(self) -> Change:
        while not self.changes:
            self.note(self.receive())
        return self.changes.pop(0)

    def note(self, message: dict[str, Any]) -> None:
        """Remember the change in a message, if it contains one."""
        raise NotImplementedError

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class JsonDevice(Socket):
    """A client of the original JSON protocol."""

    _is_listing = False

    def __init__(self, address: str, token: str, *, traceparent: str | None = None) -> None:
        headers = None if traceparent is None else {"traceparent": traceparent}
        super().__init__(f"{address}/ws/notifications/?token={token}", headers=headers)
        # An answer shows that the server has got so far as to watch the inbox for us.
        self.list()

    def list(self, folder: str = "inbox", *, pinned_only: bool = False, **filter: Any) -> Listed:
        more = {"folder": folder, "pinned_only": pinned_only, **filter}
        answer = self._ask({"type": "get_notifications"} | more, "notifications_list")
        shown = [_shown_by_json_api(each) for each in answer["notifications"]]
        unread = answer["unread_count"]
        return Listed(shown, answer["total"], unread, answer.get("unseen_count", unread))

    def show(self, notification_id: int) -> ShownNotification:
        asked = {"type": "get_notification", "notification_id": notification_id}
        return _shown_by_json_api(self._ask(asked, "notification_details")["notification"])

    def send(
        self, user_id: int, title: str | None, message: str | None = "", **more: Any
    ) -> int | None:
        asked = {
            "type": "send_notification",
            "user_id": user_id,
            "title": title,
            "message": message,
        }
        kind = {"notification_type": more.pop("type")} if "type" in more else {}
        sent: int | None = self._ask(asked | kind | more, "notification_sent")["notification_id"]
        return sent

    def schedule(self, user_id: int, title: str, deliver_at: str, key: str) -> str:
        """Schedule a send; return the number of what waits."""
        asked = {"type": "send_notification", "user_id": user_id, "title": title, "message": ""}
        later = {"deliver_at": deliver_at, "idempotency_key": key}
        sent = self._ask(asked | later, "notification_sent")
        assert sent["notification_id"] is None
        return str(sent["scheduled_id"])

    def cancel(self, *, scheduled_id: str | None = None, key: str | None = None) -> bool:
        asked = {"type": "cancel_send", "scheduled_id": scheduled_id, "idempotency_key": key}
        cancelled: bool = self._ask(asked, "send_cancelled")["cancelled"]
        return cancelled

    def edit(self, notification_id: int | None = None, **content: Any) -> bool:
        """Return whether it is other than before."""
        asked = {"type": "edit_notification", "notification_id": notification_id} | content
        changed: bool = self._ask(asked, "notification_edited")["changed"]
        return changed

    def recall(self, notification_id: int | None = None, *, key: str | None = None) -> bool:
        """Return whether it was still there."""
        asked = {"notification_id": notification_id, "idempotency_key": key}
        recalled: bool = self._ask(
            {"type": "recall_notification"} | asked, "notification_recalled"
        )["recalled"]
        return recalled

    def send_many(self, **given: Any) -> dict[str, Any]:
        """Return the results, the number that were sent, and the number of the campaign."""
        if "type" in given:
            given["notification_type"] = given.pop("type")
        answer = self._ask({"type": "send_many"} | given, "notifications_sent")
        return {name: answer.get(name) for name in ("results", "sent_count", "campaign_id")}

    def start_campaign(self, **given: Any) -> dict[str, Any]:
        return self._ask_campaign("start_campaign", "campaign_started", given)

    def campaign(self, campaign_id: int) -> dict[str, Any]:
        given = {"campaign_id": campaign_id}
        return self._ask_campaign("get_campaign", "campaign_progress", given)

    def cancel_campaign(self, campaign_id: int) -> dict[str, Any]:
        given = {"campaign_id": campaign_id}
        return self._ask_campaign("cancel_campaign", "campaign_cancelled", given)

    def recall_campaign(self, campaign_id: int) -> dict[str, Any]:
        given = {"campaign_id": campaign_id}
        return self._ask_campaign("recall_campaign", "campaign_recalled", given)

    def _ask_campaign(self, name: str, answer_type: str, given: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask({"type": name} | given, answer_type)
        campaign: dict[str, Any] = answer["campaign"]
        assert answer["campaign_id"] == campaign["id"]
        return campaign

    def mark_read(self, notification_id: int) -> None:
        asked = {"type": "mark_read", "notification_id": notification_id}
        self._ask(asked, "notification_marked_read")

    def mark_all_read(self) -> None:
        self._ask({"type": "mark_all_read"}, "all_notifications_marked_read")

    def delete(self, notification_id: int) -> None:
        asked = {"type": "delete_notification", "notification_id": notification_id}
        assert "undo_token" not in self._ask(asked, "notification_deleted")

    def delete_undoably(self, notification_id: int) -> str:
        """Delete a notification; return the token that undoes it."""
        asked = {"type": "delete_notification", "notification_id": notification_id}
        token: str = self._ask(asked | {"undoable": True}, "notification_deleted")["undo_token"]
        return token

    def change(self, name: str, notification_id: int, **more: Any) -> None:
        """Archive, unarchive, snooze, unsnooze, pin or unpin."""
        asked = {"type": f"{name}_notification", "notification_id": notification_id} | more
        self._ask(asked, f"notification_{PAST[name]}")

    def perform(self, notification_id: int, action_id: str) -> tuple[str, bool]:
        """Return the action that is recorded, and whether this call did it."""
        asked = {"notification_id": notification_id, "action_id": action_id}
        answer = self._ask({"type": "perform_action"} | asked, "action_performed")
        return answer["action_id"], answer["recorded"]

    def counts(self) -> Counts:
        answer = self._ask({"type": "get_counts"}, "notification_counts")
        names = ("total", "unread_count", "unseen_count", "is_exact")
        return {
            key: [(each[name], *map(each.get, names)) for each in answer[key]]
            for key, name in (("types", "type"), ("categories", "category"))
        }

    def mark_seen(self) -> int:
        count: int = self._ask({"type": "mark_seen"}, "notifications_seen")["count"]
        return count

    def topics(self) -> Topics:
        topics: Topics = self._ask({"type": "get_topics"}, "topics_list")["topics"]
        return topics

    def subscribe(self, topic: str) -> tuple[bool, Topics]:
        """Return whether they were not subscribed, and the topics now."""
        answer = self._ask({"type": "subscribe_to_topic", "topic": topic}, "topic_subscribed")
        return answer["changed"], answer["topics"]

    def unsubscribe(self, topic: str) -> tuple[bool, Topics]:
        """Return whether they were subscribed, and the topics now."""
        answer = self._ask({"type": "unsubscribe_from_topic", "topic": topic}, "topic_unsubscribed")
        return answer["changed"], answer["topics"]

    def types(self) -> tuple[Preferences, dict[str, str]]:
        """Return the declared types, and the labels of the channels."""
        answer = self._ask({"type": "get_types"}, "notification_types")
        channels = {each["channel"]: each["label"] for each in answer["channels"]}
        return answer["types"], channels

    def preferences(self) -> Preferences:
        answer = self._ask({"type": "get_preferences"}, "notification_preferences")
        preferences: Preferences = answer["preferences"]
        return preferences

    def set_preference(self, type: str, *, enabled: bool, channel: str | None = None) -> Preference:
        asked = {"type": "set_preference", "notification_type": type, "enabled": enabled}
        preference: Preference = self._ask(asked | {"channel": channel}, "preference_set")[
            "preference"
        ]
        return preference

    def _ask(self, asked: dict[str, Any], answer_type: str) -> dict[str, Any]:
        """Ask and wait for the answer. In this protocol the confirmation of a change is also its event."""
        self._is_listing = answer_type == "notifications_list"
        self.send_json(asked)
        while True:
            message = self.receive()
            if message["type"] == "error":
                raise Refused(message["code"])
            self.note(message)
            if message["type"] == answer_type:
                self._is_listing = False
                if not message.get("success", True):
                    raise Refused(message["error"]["code"])
                return message

    def note(self, message: dict[str, Any]) -> None:
        if not message.get("success", True):
            return
        match message:
            case {"type": "notification", "notification": added}:
                shown = _shown_by_json_api(added)
                self.changes.append(Change("added", shown.id, shown))
            case {"type": "notification_marked_read", "notification_id": id}:
                self.changes.append(Change("read", id))
            case {"type": "notification_marked_unread", "notification_id": id}:
                self.changes.append(Change("unread", id))
            case {"type": "notification_deleted", "notification_id": id}:
                self.changes.append(Change("deleted", id))
            case {"type": "all_notifications_marked_read"}:
                self.changes.append(Change("all_read"))
            case {"type": "notifications_list"} if not self._is_listing:
                self.changes.append(Change("reloaded"))


def _shown_by_json_api(raw: dict[str, Any]) -> ShownNotification:
    keys = ("id", "title", "message", "type", "read", "data")
    more = {key: raw[key] for key in ("priority", "folder", "pinned") if key in raw}
    parts = {key: raw[key] for key in PARTS if key in raw}
    return ShownNotification(
        **{key: raw[key] for key in keys}, snoozed="snoozed_until" in raw, parts=parts, **more
    )


PAST = {
    "archive": "archived",
    "unarchive": "unarchived",
    "snooze": "snoozed",
    "unsnooze": "unsnoozed",
    "pin": "pinned",
    "unpin": "unpinned",
}

PARTS = ("icon", "actor", "target", "actions", "format", "performed_action")
NAMES = {"userId": "user", "objectId": "id", "actionId": "id"}
"""What the JSON API calls parts of the content."""

NOTIFICATION = (
    "id title message type read data priority folder snoozedUntil pinned icon format"
    " performed_action: performedAction"
    " actor { userId name picture } target { type objectId } actions { label actionId link }"
)
PREFERENCE = (
    "{ type enabled required label description category icon"
    " channels { channel label enabled required } }"
)
CAMPAIGN = (
    "{ id state total sent suppressed failed scheduled recalled seen read is_exact: isExact reason topic segment"
    " deliver_at: deliverAt started_at: startedAt changed_at: changedAt }"
)
EVENTS = f"""subscription ($after: String) {{ notificationEvents(after: $after) {{
    __typename position unreadCount
    ... on NotificationAdded {{ notification {{ {NOTIFICATION} }} }}
    ... on NotificationUpdated {{ change notification {{ {NOTIFICATION} }} }}
    ... on NotificationDeleted {{ notificationId }}
    ... on AllNotificationsRead {{ count }}
    ... on InboxReset {{ reason }}
}} }}"""


class GraphQLDevice(Socket):
    """A graphql-transport-ws client with a subscription open; everything goes over its socket."""

    def __init__(
        self,
        address: str,
        token: str,
        *,
        after: str | None = None,
        traceparent: str | None = None,
    ) -> None:
        super().__init__(f"{address}/graphql/", "graphql-transport-ws")
        self.position = after
        self._ids = (str(number) for number in itertools.count(1))
        given = {"Authorization": f"Bearer {token}"}
        if traceparent is not None:
            given["traceparent"] = traceparent
        self.send_json({"type": "connection_init", "payload": given})
        assert self.receive()["type"] == "connection_ack"
        if after is None:
            # List, then subscribe after its position: nothing that comes next can be missed.
            self.position = self.ask("{ notifications(first: 1) { position } }")["notifications"][
                "position"
            ]
        payload = {"query": EVENTS, "variables": {"after": self.position}}
        self.send_json({"id": "events", "type": "subscribe", "payload": payload})

    def list(self, folder: str = "inbox", *, pinned_only: bool = False, **filter: Any) -> Listed:
        query = (
            "query ($filter: NotificationFilter) { notifications(first: 50, filter: $filter)"
            f" {{ nodes {{ {NOTIFICATION} }} totalCount unreadCount unseenCount }} }}"
        )
        if "priorities" in filter:
            filter["priorities"] = [each.upper() for each in filter["priorities"]]
        filter |= {"folder": folder.upper(), "pinnedOnly": pinned_only}
        answer = self.ask(query, filter=filter)["notifications"]
        shown = [_shown_by_graphql_api(each) for each in answer["nodes"]]
        return Listed(shown, answer["totalCount"], answer["unreadCount"], answer["unseenCount"])

    def show(self, notification_id: int) -> ShownNotification:
        query = f"query ($id: ID!) {{ notification(id: $id) {{ {NOTIFICATION} }} }}"
        return _shown_by_graphql_api(self.ask(query, id=str(notification_id))["notification"])

    def send(
        self, user_id: int, title: str | None, message: str | None = "", **more: Any
    ) -> int | None:
        for name in _INPUT_NAMES.keys() & more.keys():
            more[name] = _renamed(more[name], _INPUT_NAMES[name])
        if "format" in more:
            more["format"] = more["format"].upper()
        for name, shown in (("expires_at", "expiresAt"), ("idempotency_key", "idempotencyKey")):
            if name in more:
                more[shown] = more.pop(name)
        sent = self.ask(
            "mutation ($input: SendInput!) { send(input: $input) { notification { id } } }",
            input={"recipientId": str(user_id), "title": title, "message": message} | more,
        )["send"]["notification"]
        return None if sent is None else int(sent["id"])

    def schedule(self, user_id: int, title: str, deliver_at: str, key: str) -> str:
        """Schedule a send; return the number in the id of what waits."""
        sent = self.ask(
            "mutation ($input: SendInput!) { send(input: $input) { notification { id } suppressed"
            " scheduled { id deliverAt } } }",
            input={
                "recipientId": str(user_id),
                "title": title,
                "deliverAt": deliver_at,
                "idempotencyKey": key,
            },
        )["send"]
        assert (sent["notification"], sent["suppressed"]) == (None, False)
        assert sent["scheduled"]["deliverAt"] == deliver_at
        kind, number = sent["scheduled"]["id"].split(":")
        assert kind == "scheduled"
        return str(number)

    def cancel(self, *, scheduled_id: str | None = None, key: str | None = None) -> bool:
        cancelled: bool = self.ask(
            "mutation ($id: ID, $key: String)"
            " { cancelSend(id: $id, idempotencyKey: $key) { cancelled } }",
            id=None if scheduled_id is None else f"scheduled:{scheduled_id}",
            key=key,
        )["cancelSend"]["cancelled"]
        return cancelled

    def edit(self, notification_id: int | None = None, **content: Any) -> bool:
        """Return whether it is other than before."""
        if "priority" in content:
            content["priority"] = content["priority"] and content["priority"].upper()
        input = {to_camel_case(name): value for name, value in content.items()}
        if notification_id is not None:
            input["id"] = str(notification_id)
        query = "mutation ($input: EditInput!) { editNotification(input: $input) { changed } }"
        changed: bool = self.ask(query, input=input)["editNotification"]["changed"]
        return changed

    def recall(self, notification_id: int | None = None, *, key: str | None = None) -> bool:
        """Return whether it was still there."""
        recalled: bool = self.ask(
            "mutation ($id: ID, $key: String) { recall(id: $id, idempotencyKey: $key) { recalled } }",
            id=None if notification_id is None else str(notification_id),
            key=key,
        )["recall"]["recalled"]
        return recalled

    def send_many(self, **given: Any) -> dict[str, Any]:
        """Return the results, the number that were sent, and the number of the campaign."""
        for name, shown in (("user_ids", "recipient_ids"), ("user_refs", "recipient_refs")):
            if name in given:
                given[shown] = given.pop(name)
        sent: dict[str, Any] = self.ask(
            "mutation ($input: SendManyInput!) { sendMany(input: $input) {"
            " results { recipient status notification_id: notificationId }"
            " sent_count: sentCount campaign_id: campaignId } }",
            input={to_camel_case(name): value for name, value in given.items()},
        )["sendMany"]
        for each in sent["results"]:
            each["status"] = each["status"].lower()
            each["notification_id"] = each["notification_id"] and int(each["notification_id"])
        campaign_id = sent["campaign_id"]
        return sent | {"campaign_id": campaign_id and int(campaign_id.removeprefix("campaign:"))}

    def start_campaign(self, **given: Any) -> dict[str, Any]:
        input = {to_camel_case(name): value for name, value in given.items()}
        query = (
            "mutation ($input: StartCampaignInput!)"
            f" {{ done: startCampaign(input: $input) {{ campaign {CAMPAIGN} }} }}"
        )
        return _campaign_of_graphql(self.ask(query, input=input)["done"]["campaign"])

    def campaign(self, campaign_id: int) -> dict[str, Any]:
        query = f"query ($id: ID!) {{ campaign(id: $id) {CAMPAIGN} }}"
        return _campaign_of_graphql(self.ask(query, id=f"campaign:{campaign_id}")["campaign"])

    def cancel_campaign(self, campaign_id: int) -> dict[str, Any]:
        return self._end_campaign("cancelCampaign", campaign_id)

    def recall_campaign(self, campaign_id: int) -> dict[str, Any]:
        return self._end_campaign("recallCampaign", campaign_id)

    def _end_campaign(self, name: str, campaign_id: int) -> dict[str, Any]:
        query = f"mutation ($id: ID!) {{ done: {name}(id: $id) {{ campaign {CAMPAIGN} }} }}"
        answer = self.ask(query, id=f"campaign:{campaign_id}")
        return _campaign_of_graphql(answer["done"]["campaign"])

    def mark_read(self, notification_id: int) -> None:
        self.ask("mutation ($id: ID!) { markRead(id: $id) { unreadCount } }", id=notification_id)

    def mark_all_read(self) -> None:
        self.ask("mutation { markAllRead { unreadCount } }")

    def delete(self, notification_id: int) -> None:
        query = "mutation ($id: ID!) { delete(id: $id) { undoToken } }"
        assert self.ask(query, id=notification_id)["delete"]["undoToken"] is None

    def delete_undoably(self, notification_id: int) -> str:
        """Delete a notification; return the token that undoes it."""
        query = "mutation ($id: ID!) { delete(id: $id, undoable: true) { undoToken } }"
        token: str = self.ask(query, id=notification_id)["delete"]["undoToken"]
        return token

    def change(self, name: str, notification_id: int, **more: Any) -> None:
        """Archive, unarchive, snooze, unsnooze, pin or unpin."""
        declared = ", $until: DateTime!" if more else ""
        given = ", until: $until" if more else ""
        self.ask(
            f"mutation ($id: ID!{declared}) {{ {name}(id: $id{given}) {{ unreadCount }} }}",
            id=notification_id,
            **more,
        )

    def perform(self, notification_id: int, action_id: str) -> tuple[str, bool]:
        """Return the action that is recorded, and whether this call did it."""
        done = self.ask(
            "mutation ($id: ID!, $action: String!) { performAction(id: $id, actionId: $action) {"
            " recorded notification { performedAction } } }",
            id=notification_id,
            action=action_id,
        )["performAction"]
        return done["notification"]["performedAction"], done["recorded"]

    def counts(self) -> Counts:
        names = ("total", "unread", "unseen", "isExact")
        numbers = " ".join(names)
        answer = self.ask(
            f"{{ notificationCounts {{ types {{ type {numbers} }} categories {{ category {numbers} }} }} }}"
        )["notificationCounts"]
        return {
            key: [(each[name], *map(each.get, names)) for each in answer[key]]
            for key, name in (("types", "type"), ("categories", "category"))
        }

    def mark_seen(self) -> int:
        count: int = self.ask("mutation { markSeen { count } }")["markSeen"]["count"]
        return count

    def topics(self) -> Topics:
        topics: Topics = self.ask("{ topics }")["topics"]
        return topics

    def subscribe(self, topic: str) -> tuple[bool, Topics]:
        """Return whether they were not subscribed, and the topics now."""
        return self._change_topic("subscribeToTopic", topic)

    def unsubscribe(self, topic: str) -> tuple[bool, Topics]:
        """Return whether they were subscribed, and the topics now."""
        return self._change_topic("unsubscribeFromTopic", topic)

    def _change_topic(self, name: str, topic: str) -> tuple[bool, Topics]:
        query = f"mutation ($topic: String!) {{ done: {name}(topic: $topic) {{ changed topics }} }}"
        done = self.ask(query, topic=topic)["done"]
        return done["changed"], done["topics"]

    def types(self) -> tuple[Preferences, dict[str, str]]:
        """Return the declared types, and the labels of the channels."""
        answer = self.ask(
            f"{{ notificationTypes {PREFERENCE} notificationChannels {{ channel label }} }}"
        )
        channels = {each["channel"]: each["label"] for each in answer["notificationChannels"]}
        return answer["notificationTypes"], channels

    def preferences(self) -> Preferences:
        answer = self.ask(f"{{ notificationPreferences {PREFERENCE} }}")
        preferences: Preferences = answer["notificationPreferences"]
        return preferences

    def set_preference(self, type: str, *, enabled: bool, channel: str | None = None) -> Preference:
        given = {"type": type, "enabled": enabled} | ({"channel": channel} if channel else {})
        query = (
            "mutation ($input: NotificationPreferenceInput!)"
            f" {{ setNotificationPreference(input: $input) {PREFERENCE} }}"
        )
        preference: Preference = self.ask(query, input=given)["setNotificationPreference"]
        return preference

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Run an operation over the socket and return its data; raise Refused with the error's code."""
        number = next(self._ids)
        payload = {"query": query, "variables": variables}
        self.send_json({"id": number, "type": "subscribe", "payload": payload})
        answer: dict[str, Any] | None = None
        while True:
            message = self.receive()
            if message.get("id") != number:
                self.note(message)
            elif message["type"] == "complete":
                assert answer is not None
                return answer
            else:
                answer = _data(message)

    def note(self, message: dict[str, Any]) -> None:
        if message["type"] == "next" and message["id"] == "events":
            event = _data(message)["notificationEvents"]
            self.position = event["position"]
            # In place of an event whose notification has been deleted since.
            change = _change_of_graphql(event)
            if change is not None:
                self.changes.append(change)
        elif message["type"] == "error":
            raise Refused(message["payload"][0]["extensions"]["code"])


def _data(message: dict[str, Any]) -> dict[str, Any]:
    payload = message["payload"]
    errors = payload if message["type"] == "error" else payload.get("errors")
    if errors:
        raise Refused(errors[0]["extensions"]["code"])
    data: dict[str, Any] = payload["data"]
    return data


def _campaign_of_graphql(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a campaign as the JSON API shows it."""
    for name in ("deliver_at", "started_at", "changed_at"):
        if raw[name] is not None:
            moment = datetime.fromisoformat(raw[name]).astimezone(UTC)
            raw[name] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    own = {"id": int(raw["id"].removeprefix("campaign:")), "state": raw["state"].lower()}
    return raw | own


def _change_of_graphql(event: dict[str, Any]) -> Change | None:
    """Return what an event changes in the list of the inbox; None for nothing."""
    match event:
        case {"__typename": "PositionAdvanced" | "NotificationsSeen"}:
            return None
        case {"change": "PINNED" | "UNPINNED"}:
            return None
        case {"change": "ACTION", "notification": chosen}:
            return Change("action", int(chosen["id"]))
        case {"__typename": "NotificationsUpdated" | "NotificationsDeleted"}:
            return Change("reloaded")
        case {"change": "RESTORED" | "UNGROUPED"}:
            return Change("reloaded")
        case {"change": "ARCHIVED" | "SNOOZED" | "GROUPED", "notification": moved}:
            return Change("deleted", int(moved["id"]))
        case {"change": "RETURNED", "notification": returned}:
            shown = _shown_by_graphql_api(returned)
            return Change("added", shown.id, shown)
        case {"change": "UNARCHIVED"}:
            return Change("reloaded")
        case {"change": "EDITED", "notification": {"folder": folder}}:
            return Change("reloaded") if folder == "INBOX" else None
        case {"__typename": "NotificationAdded", "notification": added}:
            shown = _shown_by_graphql_api(added)
            return Change("added", shown.id, shown)
        case {"__typename": "NotificationUpdated", "notification": updated}:
            return Change("read" if updated["read"] else "unread", int(updated["id"]))
        case {"__typename": "NotificationDeleted", "notificationId": id}:
            return Change("deleted", int(id))
        case {"__typename": "AllNotificationsRead"}:
            return Change("all_read")
    return Change(f"reset: {event['reason']}")


def _shown_by_graphql_api(raw: dict[str, Any]) -> ShownNotification:
    snoozed = raw.pop("snoozedUntil") is not None
    parts = {name: _renamed(raw.pop(name), NAMES) for name in PARTS}
    parts["format"] = None if parts["format"] == "PLAIN" else parts["format"].lower()
    user = (parts["actor"] or {}).get("user")
    if user is not None:
        parts["actor"]["user"] = user.removeprefix("user:")
    own = {
        "id": int(raw["id"]),
        "folder": raw["folder"].lower(),
        "priority": raw["priority"].lower(),
    }
    said = {name: value for name, value in parts.items() if value}
    return ShownNotification(**{**raw, **own}, snoozed=snoozed, parts=said)


_INPUT_NAMES = {
    "actor": {"user": "userId"},
    "target": {"id": "objectId"},
    "actions": {"id": "actionId"},
}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a part of the content with other names, without what is null."""
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    return {names.get(key, key): item for key, item in value.items() if item is not None}
