"""Writers that are clients of the GraphQL API: all its mutations, over HTTP and over sockets."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPException
from typing import IO, Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.chaos.client_writing import REQUEST_SECONDS, ClientWriter, Refusal, Unavailable
from tests.chaos.graphql_changes import GraphQLChanges, as_input
from tests.chaos.history import (
    ADDED,
    ALL_READ,
    COMMITTED,
    DELETED,
    PREFERENCE,
    READ,
    SUPPRESSED,
    UNKNOWN,
    UNREAD,
    Place,
)
from tests.chaos.writing import UNWANTED, Action, Orders, recorded

SOME = 8

SEND = """mutation ($input: SendInput!) {
    send(input: $input) { notification { id title } suppressed replayed } }"""
SEND_MANY = """mutation ($input: SendManyInput!) {
    sendMany(input: $input) { sentCount results { recipient status notificationId } } }"""
MARK_READ = "mutation ($id: ID!) { markRead(id: $id) { notification { read } position } }"
MARK_UNREAD = "mutation ($id: ID!) { markUnread(id: $id) { notification { read } position } }"
MARK_ALL = "mutation ($upTo: String) { markAllRead(upTo: $upTo) { count position } }"
DELETE = "mutation ($id: ID!) { delete(id: $id) { notificationId position } }"
PREFER = """mutation ($input: NotificationPreferenceInput!) {
    setNotificationPreference(input: $input) { type enabled } }"""
EDIT = "mutation ($input: EditInput!) { editNotification(input: $input) { changed } }"
RECALL = "mutation ($id: ID!) { recall(id: $id) { recalled } }"
LIST = "{ notifications(first: 20) { position nodes { id read } } }"


def answer_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the data of an answer. Raise Unavailable or Refusal if it has errors."""
    errors = document.get("errors")
    if not errors:
        data: dict[str, Any] = document["data"]
        return data
    codes = [error.get("extensions", {}).get("code", "no code") for error in errors]
    if "SERVICE_UNAVAILABLE" in codes:
        raise Unavailable(codes)
    extensions = errors[0].get("extensions", {})
    raise Refusal(f"{codes[0]} {extensions.get('field', '')}: {errors[0]['message']}"[:200])


class ApiWriter(GraphQLChanges, ClientWriter):
    """Does with GraphQL what a client can do."""

    def actions(self) -> dict[Action, int]:
        """Return what it does, with the weight of each."""
        return {
            self._send: 30,
            self._expiring: 8,
            self._send_many: 8,
            self._mark: 30,
            self._mark_all: 4,
            self._delete: 8,
            self._prefer: 8,
            self._edit: 4,
            self._recall: 3,
            **self.changes(),
        }

    def request(self, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data of the answer. Raise Refusal, or Unavailable."""
        raise NotImplementedError

    def _send(self, inbox: int, token: str) -> None:
        self._send_once(inbox, token, "keyed send", self.content())

    def _expiring(self, inbox: int, token: str) -> None:
        content = self.content() | {"expires_at": self.expiry()}
        self._send_once(inbox, token, "expiring send", content)

    def _send_once(self, inbox: int, token: str, operation: str, content: dict[str, Any]) -> None:
        """Send with a key, however often that has to be tried, and then once more."""
        title = self.title()
        sender, token = (inbox, token) if self.rng.random() < 0.7 else self.orders.operator
        more = {
            "title": title,
            "key": True,
            "operation": operation,
            "content": recorded(content, sender),
        }
        self.claim(inbox, ADDED, UNKNOWN, **more)
        given = as_input(content) | {
            "recipientId": str(inbox),
            "title": title,
            "idempotencyKey": title,
        }
        sent = self.until_done(partial(self.request, token, SEND, {"input": given}))["send"]
        if sent["suppressed"]:
            self.claim(inbox, ADDED, SUPPRESSED, **more)
            return
        id = int(sent["notification"]["id"])
        self.claim(inbox, ADDED, COMMITTED, notification_id=id, **more)
        if "expires_at" in content:
            return
        again = self.until_done(partial(self.request, token, SEND, {"input": given}))["send"]
        # Unless it was deleted meanwhile: then the key is free again, and that is another notification.
        if again["replayed"]:
            self.claim(inbox, ADDED, COMMITTED, **more | {"operation": "replayed send"})

    def _send_many(self, inbox: int, token: str) -> None:
        operator, token = self.orders.operator
        some = self.rng.sample(list(self.orders.inboxes), min(SOME, len(self.orders.inboxes)))
        title, content = self.title(), self.content()
        more = {
            "title": title,
            "key": True,
            "operation": "send_many",
            "content": recorded(content, operator),
        }
        for each in some:
            self.claim(each, ADDED, UNKNOWN, **more)
        given = as_input(content) | {
            "recipientIds": [str(each) for each in some],
            "title": title,
            "idempotencyKey": title,
        }
        sent = self.until_done(partial(self.request, token, SEND_MANY, {"input": given}))[
            "sendMany"
        ]
        for result in sent["results"]:
            if result["status"] not in ("SENT", "SUPPRESSED"):
                raise Refusal(f"{result['status']} in sendMany")
            outcome = COMMITTED if result["status"] == "SENT" else SUPPRESSED
            self.claim(int(result["recipient"]), ADDED, outcome, **more)

    def send_one(self, inbox: int, token: str, content: dict[str, Any]) -> None:
        """Send to an inbox."""
        self._send_once(inbox, token, "keyed send", content)

    def edit(self, id: int, message: str) -> bool:
        """Edit a notification as the operator."""
        given = {"id": str(id), "message": message, "priority": "HIGH"}
        done = self.request(self.orders.operator[1], EDIT, {"input": given})["editNotification"]
        return bool(done["changed"])

    def recall(self, id: int) -> bool:
        """Recall a notification as the operator."""
        done = self.request(self.orders.operator[1], RECALL, {"id": str(id)})["recall"]
        return bool(done["recalled"])

    def _choose(self, token: str) -> dict[str, Any] | None:
        nodes = self.request(token, LIST, {})["notifications"]["nodes"]
        return self.rng.choice(nodes) if nodes else None

    def _mark(self, inbox: int, token: str) -> None:
        chosen = self._choose(token)
        if chosen is None:
            return
        self._mark_as(inbox, token, chosen["id"], is_read=not chosen["read"])
        if self.is_thorough or self.rng.random() < 0.3:
            self._mark_as(inbox, token, chosen["id"], is_read=chosen["read"])

    def _mark_as(self, inbox: int, token: str, id: str, *, is_read: bool) -> None:
        what = READ if is_read else UNREAD
        query, field = (MARK_READ, "markRead") if is_read else (MARK_UNREAD, "markUnread")
        more: dict[str, Any] = {"notification_id": int(id), "operation": f"mark_{what}"}
        self.claim(inbox, what, UNKNOWN, **more)
        done = self.request(token, query, {"id": id})[field]
        # Another writer may have done the same: the position then says nothing about this change.
        assert done["notification"]["read"] is (what == READ)
        self.claim(inbox, what, COMMITTED, **more)

    def _mark_all(self, inbox: int, token: str) -> None:
        if self.is_thorough:
            self._send_once(inbox, token, "keyed send", self.content())
        position = self.request(token, LIST, {})["notifications"]["position"]
        up_to = position if self.rng.random() < 0.5 else None
        self.claim(inbox, ALL_READ, UNKNOWN, operation="mark_all_read")
        done = self.request(token, MARK_ALL, {"upTo": up_to})["markAllRead"]
        if done["count"]:
            sequence = Place.parse(done["position"]).sequence
            more = {"sequence": sequence, "operation": "mark_all_read"}
            self.claim(inbox, ALL_READ, COMMITTED, **more)

    def _delete(self, inbox: int, token: str) -> None:
        chosen = self._choose(token)
        if chosen is None:
            return
        more: dict[str, Any] = {"notification_id": int(chosen["id"]), "operation": "delete"}
        self.claim(inbox, DELETED, UNKNOWN, **more)
        done = self.request(token, DELETE, {"id": chosen["id"]})["delete"]
        sequence = Place.parse(done["position"]).sequence
        self.claim(inbox, DELETED, COMMITTED, sequence=sequence, **more)

    def _prefer(self, inbox: int, token: str) -> None:
        """Turn a type off or on, and send what may be unwanted."""
        self.claim(inbox, PREFERENCE, UNKNOWN, operation="set_preference")
        enabled = not self.is_thorough and self.rng.random() < 0.3
        self.until_done(
            partial(self.request, token, PREFER, {"input": {"type": UNWANTED, "enabled": enabled}})
        )
        self.claim(inbox, PREFERENCE, COMMITTED, operation="set_preference")
        self._send_once(inbox, token, "unwanted send", self.content() | {"type": UNWANTED})


class HttpWriter(ApiWriter):
    """Sends each request over a new connection."""

    path = "http"

    def request(self, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Post a request to any server."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        address = f"{self.rng.choice(self.orders.servers)}/graphql/"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(address, body, headers), timeout=REQUEST_SECONDS
            ) as answer:
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            with closing(error):
                text = error.read().decode(errors="replace")
            if error.code == 503:
                raise Unavailable(text) from None
            try:
                document = json.loads(text)
            except ValueError:
                raise Refusal(f"HTTP {error.code}: {text}"[:200]) from None
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(str(error)) from None
        return answer_of(document)


class SocketWriter(ApiWriter):
    """Keeps one socket for each of a few users, and sends its requests as operations on it."""

    path = "socket"

    def __init__(self, orders: Orders, record: IO[str]) -> None:
        super().__init__(orders, record)
        self._connections: dict[str, ClientConnection] = {}
        self._id = 0

    def request(self, token: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Send an operation, and wait for its answer."""
        try:
            connection = self._connections.get(token) or self._connect(token)
            return self._operation(connection, query, variables)
        except (OSError, WebSocketException) as error:
            broken = self._connections.pop(token, None)
            if broken is not None:
                with suppress(OSError):
                    # Without waiting for a server that may not answer; the thread that reads then ends.
                    broken.socket.shutdown(socket.SHUT_RDWR)
            raise Unavailable(str(error)) from None

    def _connect(self, token: str) -> ClientConnection:
        while len(self._connections) >= SOME:
            _, oldest = next(iter(self._connections.items()))
            del self._connections[next(iter(self._connections))]
            oldest.close()
        server = self.rng.choice(self.orders.servers).replace("http", "ws", 1)
        connection = connect(
            f"{server}/graphql/",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
            proxy=None,
            open_timeout=REQUEST_SECONDS,
            close_timeout=1,
            ping_interval=None,
        )
        self._connections[token] = connection
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        connection.send(json.dumps(init))
        while self._next(connection)["type"] != "connection_ack":
            pass
        return connection

    def _operation(
        self, connection: ClientConnection, query: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        self._id += 1
        id = str(self._id)
        payload = {"query": query, "variables": variables}
        connection.send(json.dumps({"type": "subscribe", "id": id, "payload": payload}))
        answer: dict[str, Any] | None = None
        while True:
            message = self._next(connection)
            match message:
                case {"type": "next", "id": str(about), "payload": payload} if about == id:
                    answer = payload
                case {"type": "error", "id": str(about), "payload": errors} if about == id:
                    return answer_of({"errors": errors})
                case {"type": "complete", "id": str(about)} if about == id and answer is not None:
                    return answer_of(answer)

    def _next(self, connection: ClientConnection) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(connection.recv(timeout=REQUEST_SECONDS))
        if message["type"] == "ping":
            connection.send(json.dumps({"type": "pong"}))
        return message
