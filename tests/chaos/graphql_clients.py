"""Clients of the GraphQL API, over both subprotocols. They hold a position and resume after it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.chaos.clients import Client, ClientSpec, ServerRefused
from tests.chaos.history import (
    ADDED,
    ALL_READ,
    DELETED,
    MANY_DELETED,
    SEEN,
    Advanced,
    EventContent,
    Listed,
    Notification,
    Opened,
    Place,
    Received,
    Reset,
    canonical_json,
    canonical_time,
    sender_text,
)

NOTIFICATION = """id type title message link data read readAt createdAt expiresAt
    icon actor { userId name picture } target { type objectId } actions { label actionId link } format
    priority folder snoozedUntil pinned performedAction performedAt rank editedAt
    groupKey groupCount groupActors { userId name picture } sender { id username name }"""
LIST = f"""query ($first: Int, $after: String, $filter: NotificationFilter) {{
    notifications(first: $first, after: $after, filter: $filter) {{
    position unreadCount totalCount nodes {{ {NOTIFICATION} }} pageInfo {{ hasNextPage endCursor }}
}} }}"""
SOME_TYPES = frozenset({"approval"})
EVENTS = f"""subscription ($after: String, $types: [String!]) {{ notificationEvents(after: $after, types: $types) {{
    __typename position unreadCount unseenCount occurredAt
    ... on NotificationAdded {{ notification {{ {NOTIFICATION} }} }}
    ... on NotificationUpdated {{ change notification {{ {NOTIFICATION} }} }}
    ... on NotificationDeleted {{ notificationId }}
    ... on AllNotificationsRead {{ count throughRank }}
    ... on NotificationsSeen {{ count throughRank }}
    ... on NotificationsUpdated {{ change notificationIds }}
    ... on NotificationsDeleted {{ notificationIds }}
    ... on InboxReset {{ reason }}
}} }}"""
FIRST = 20
PAGE = 100
FOLDERS = ("inbox", "archive", "snoozed", "grouped")


class TransportClient(Client):
    """A client of `graphql-transport-ws`."""

    path = "/graphql/"
    subprotocol = "graphql-transport-ws"
    start, result = "subscribe", "next"
    types: frozenset[str] | None = None

    def __init__(self, spec: ClientSpec, servers: Sequence[str]) -> None:
        super().__init__(spec, servers)
        self.place: Place | None = None
        self._position = ""
        self._pages: list[Notification] = []
        self._page: asyncio.Future[dict[str, Any]] | None = None

    async def begin(self, connection: ClientConnection, began: float) -> None:
        """Authenticate, read the list the first time, and subscribe after the position."""
        authorization = {"Authorization": f"Bearer {self.spec.token}"}
        await _send(connection, {"type": "connection_init", "payload": authorization})
        while (await _receive(connection))["type"] != "connection_ack":
            pass
        if self.place is None:
            await self._request_list(connection)
            while self.place is None:
                await self.on_message(connection, await _receive(connection))
        types = None if self.types is None else sorted(self.types)
        payload = {"query": EVENTS, "variables": {"after": self._position, "types": types}}
        await _send(connection, {"type": self.start, "id": "events", "payload": payload})
        self.items.append(Opened(time.monotonic(), self.place, began))
        self.is_following = True

    async def _request_list(self, connection: ClientConnection) -> None:
        await self._request_page(connection, "list", FIRST, None)

    async def _request_page(
        self,
        connection: ClientConnection,
        id: str,
        first: int,
        after: str | None,
        folder: str = "inbox",
    ) -> None:
        variables = {"first": first, "after": after, "filter": {"folder": folder.upper()}}
        payload = {"query": LIST, "variables": variables}
        await _send(connection, {"type": self.start, "id": id, "payload": payload})

    async def read_final_list(self) -> None:
        """Read all pages of all folders; no writer may be running."""
        for folder in FOLDERS:
            await self._read_folder(folder)

    async def _read_folder(self, folder: str) -> None:
        assert self._connection is not None
        rows: list[Notification] = []
        after: str | None = None
        while True:
            self._page = asyncio.get_running_loop().create_future()
            await self._request_page(self._connection, "page", PAGE, after, folder)
            page = await self._page
            rows += map(notification_of, page["nodes"])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        place = Place.parse(page["position"])
        counts = page["unreadCount"], page["totalCount"]
        self.items.append(
            Listed(
                time.monotonic(),
                place,
                *counts,
                rows,
                len(rows),
                is_final=True,
                folder=folder,
            )
        )

    async def on_message(self, connection: ClientConnection, message: dict[str, Any]) -> None:
        """Process an event, a list or a keep-alive message."""
        match message:
            case {
                "type": self.result,
                "id": "events",
                "payload": {"data": {"notificationEvents": event}},
            }:
                await self._take(connection, event)
            case {
                "type": self.result,
                "id": "list",
                "payload": {"data": {"notifications": listed}},
            }:
                self._listed(listed)
            case {
                "type": self.result,
                "id": "page",
                "payload": {"data": {"notifications": page}},
            } if self._page is not None:
                self._page.set_result(page)
            case {"type": "ping"}:
                await _send(connection, {"type": "pong"})
            case {"type": "complete", "id": "list" | "page"} | {"type": "pong" | "ka"}:
                pass
            case {"id": "list"} if self.place is not None:
                pass  # after a reset, while the database was away: there will be others
            case _:
                raise ServerRefused(json.dumps(message)[:200])

    def _listed(self, listed: dict[str, Any]) -> None:
        place = Place.parse(listed["position"])
        counts = listed["unreadCount"], listed["totalCount"]
        rows = [notification_of(node) for node in listed["nodes"]]
        self.items.append(Listed(time.monotonic(), place, *counts, rows, FIRST))
        if self.place is None:
            self.place, self._position = place, listed["position"]

    async def _take(self, connection: ClientConnection, event: dict[str, Any]) -> None:
        self._position = event["position"]
        self.place = Place.parse(self._position)
        if event["__typename"] == "InboxReset":
            self.items.append(Reset(time.monotonic(), self.place, event["reason"]))
            await self._request_list(connection)
        elif event["__typename"] == "PositionAdvanced":
            at = canonical_time(event["occurredAt"])
            self.items.append(Advanced(time.monotonic(), self.place, event["unreadCount"], at))
        else:
            self.items.append(Received(time.monotonic(), self.place, event_content(event)))

    def known_state(self) -> object:
        """Return the position."""
        return None if self.place is None else str(self.place)


class OlderClient(TransportClient):
    """A client of the older subprotocol `graphql-ws`."""

    subprotocol = "graphql-ws"
    start, result = "start", "data"


class LimitedClient(TransportClient):
    """A client whose subscription is limited by types. Its position moves on with those events, and by itself."""

    types = SOME_TYPES


def event_content(event: dict[str, Any]) -> EventContent:
    """Return the content of an event of the subscription."""
    content = _content(event)
    return replace(
        content,
        unread=event["unreadCount"],
        unseen=event["unseenCount"],
        occurred_at=canonical_time(event["occurredAt"]),
    )


def _content(event: dict[str, Any]) -> EventContent:
    match event:
        case {"__typename": "NotificationAdded", "notification": added}:
            return _about(ADDED, added)
        case {"__typename": "NotificationUpdated", "change": change, "notification": updated}:
            return _about(change.lower(), updated)
        case {"__typename": "NotificationDeleted", "notificationId": id}:
            return EventContent(DELETED, int(id), 0)
        case {"__typename": "AllNotificationsRead", "count": count, "throughRank": through}:
            return EventContent(ALL_READ, int(through), 0, number=count)
        case {"__typename": "NotificationsSeen", "count": count, "throughRank": through}:
            return EventContent(SEEN, int(through), 0, number=count)
        case {"__typename": "NotificationsUpdated", "change": change, "notificationIds": ids}:
            return EventContent(f"many_{change.lower()}", 0, 0, ids=tuple(map(int, ids)))
        case {"__typename": "NotificationsDeleted", "notificationIds": ids}:
            return EventContent(MANY_DELETED, 0, 0, ids=tuple(map(int, ids)))
    raise ServerRefused(f"an event of an unknown type: {event}")


def _about(what: str, node: dict[str, Any]) -> EventContent:
    shown = notification_of(node)
    return EventContent(what, shown.id, 0, shown.title, notification=shown)


def notification_of(node: dict[str, Any]) -> Notification:
    """Return a notification as it is compared. Raise ServerRefused if its two fields about reading disagree."""
    if node["read"] != (node["readAt"] is not None):
        raise ServerRefused(f"read and readAt disagree: {node}")
    sender = node["sender"]
    if sender is not None:
        sender = (sender["id"].removeprefix("user:"), sender["username"], sender["name"])
    return Notification(
        id=int(node["id"]),
        type=node["type"],
        title=node["title"],
        message=node["message"],
        link=node["link"] or "",
        data=canonical_json(node["data"]),
        sender=sender_text(sender),
        created_at=canonical_time(node["createdAt"]),
        expires_at=canonical_time(node["expiresAt"]),
        read_at=canonical_time(node["readAt"]),
        priority=node["priority"].lower(),
        icon=node["icon"] or "",
        actor=_part(node["actor"]),
        target=_part(node["target"]),
        actions=canonical_json([_named(each) for each in node["actions"]] or None),
        format=node["format"].lower(),
        folder=node["folder"].lower(),
        snoozed_until=canonical_time(node["snoozedUntil"]),
        pinned=node["pinned"],
        performed_action=node["performedAction"] or "",
        performed_at=canonical_time(node["performedAt"]),
        returned_rank="" if node["rank"] == node["id"] else node["rank"],
        edited_at=canonical_time(node["editedAt"]),
        group_key=node["groupKey"] or "",
        group_count=node["groupCount"],
        group_actors=canonical_json([_named(each) for each in node["groupActors"]] or None),
    )


_NAMES = {"userId": "user", "objectId": "id", "actionId": "id"}


def _named(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the content by the names of the JSON API, without what is null."""
    found = {_NAMES.get(name, name): value for name, value in part.items() if value is not None}
    if "user" in found:
        found["user"] = found["user"].removeprefix("user:")
    return found


def _part(part: dict[str, Any] | None) -> str:
    return canonical_json(part and _named(part))


async def _send(connection: ClientConnection, message: dict[str, Any]) -> None:
    await connection.send(json.dumps(message))


async def _receive(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await connection.recv())
    return message
