"""Clients of the GraphQL API, over both subprotocols. They hold a position and resume after it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.chaos.clients import Client, ClientSpec, ServerRefused
from tests.chaos.history import (
    ADDED,
    ALL_READ,
    DELETED,
    READ,
    UNREAD,
    EventContent,
    Listed,
    Opened,
    Place,
    Received,
    Reset,
)

LIST = "{ notifications(first: 1) { position unreadCount totalCount } }"
EVENTS = """subscription ($after: String) { notificationEvents(after: $after) {
    __typename position unreadCount
    ... on NotificationAdded { notification { id title message data } }
    ... on NotificationUpdated { notification { id title read } }
    ... on NotificationDeleted { notificationId }
    ... on AllNotificationsRead { count throughId }
    ... on InboxReset { reason }
} }"""


class TransportClient(Client):
    """A client of `graphql-transport-ws`."""

    path = "/graphql/"
    subprotocol = "graphql-transport-ws"
    start, result = "subscribe", "next"

    def __init__(self, spec: ClientSpec, servers: Sequence[str]) -> None:
        super().__init__(spec, servers)
        self.place: Place | None = None

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
        payload = {"query": EVENTS, "variables": {"after": str(self.place)}}
        await _send(connection, {"type": self.start, "id": "events", "payload": payload})
        self.items.append(Opened(time.monotonic(), self.place, began))
        self.is_following = True

    async def _request_list(self, connection: ClientConnection) -> None:
        await _send(connection, {"type": self.start, "id": "list", "payload": {"query": LIST}})

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
            case {"type": "ping"}:
                await _send(connection, {"type": "pong"})
            case {"type": "complete", "id": "list"} | {"type": "pong" | "ka"}:
                pass
            case {"id": "list"} if self.place is not None:
                pass  # after a reset, while the database was away: there will be others
            case _:
                raise ServerRefused(json.dumps(message)[:200])

    def _listed(self, listed: dict[str, Any]) -> None:
        place = Place.parse(listed["position"])
        counts = listed["unreadCount"], listed["totalCount"]
        self.items.append(Listed(time.monotonic(), place, *counts))
        self.place = self.place or place

    async def _take(self, connection: ClientConnection, event: dict[str, Any]) -> None:
        self.place = Place.parse(event["position"])
        if event["__typename"] == "InboxReset":
            self.items.append(Reset(time.monotonic(), self.place, event["reason"]))
            await self._request_list(connection)
        else:
            self.items.append(Received(time.monotonic(), self.place, event_content(event)))

    def known_state(self) -> object:
        """Return the position."""
        return None if self.place is None else str(self.place)


class OlderClient(TransportClient):
    """A client of the older subprotocol `graphql-ws`."""

    subprotocol = "graphql-ws"
    start, result = "start", "data"


def event_content(event: dict[str, Any]) -> EventContent:
    """Return the content of an event of the subscription."""
    unread = event["unreadCount"]
    match event:
        case {"__typename": "NotificationAdded", "notification": added}:
            return EventContent(ADDED, int(added["id"]), unread, added["title"])
        case {"__typename": "NotificationUpdated", "notification": updated}:
            what = READ if updated["read"] else UNREAD
            return EventContent(what, int(updated["id"]), unread, updated["title"])
        case {"__typename": "NotificationDeleted", "notificationId": id}:
            return EventContent(DELETED, int(id), unread)
        case {"__typename": "AllNotificationsRead", "count": count, "throughId": through}:
            return EventContent(ALL_READ, int(through), unread, number=count)
    raise ServerRefused(f"an event of an unknown type: {event}")


async def _send(connection: ClientConnection, message: dict[str, Any]) -> None:
    await connection.send(json.dumps(message))


async def _receive(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await connection.recv())
    return message
