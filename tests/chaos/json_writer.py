"""A writer that is a client of the JSON API: it sends, marks and deletes over the socket of the original protocol."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import IO, Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.chaos.api_writers import SOME
from tests.chaos.client_writing import REQUEST_SECONDS, ClientWriter, Refusal, Unavailable
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
)
from tests.chaos.json_changes import JsonChanges
from tests.chaos.writing import UNWANTED, Action, Orders, recorded
from tests.json_api.answers import ANSWERS


class JsonWriter(JsonChanges, ClientWriter):
    """Keeps one socket for each of a few users. Events of their inboxes come between its answers."""

    path = "json"

    def __init__(self, orders: Orders, record: IO[str]) -> None:
        super().__init__(orders, record)
        self._connections: dict[str, ClientConnection] = {}

    def actions(self) -> dict[Action, int]:
        """Return what it does, with the weight of each."""
        return {
            self._send: 30,
            self._expiring: 8,
            self._send_many: 8,
            self._prefer: 4,
            self._mark: 30,
            self._mark_all: 4,
            self._delete: 8,
            self._edit: 4,
            self._recall: 3,
            **self.changes(),
        }

    # -- what it does -------------------------------------------------------------------------------------

    def _send(self, inbox: int, token: str) -> None:
        self._send_once(inbox, token, "keyed send", self.content())

    def _expiring(self, inbox: int, token: str) -> None:
        content = self.content() | {"expires_at": self.expiry()}
        self._send_once(inbox, token, "expiring send", content)

    def _prefer(self, inbox: int, token: str) -> None:
        """Turn a type off or on, and send what may be unwanted."""
        self.claim(inbox, PREFERENCE, UNKNOWN, operation="set_preference")
        enabled = not self.is_thorough and self.rng.random() < 0.3
        message = {"type": "set_preference", "notification_type": UNWANTED, "enabled": enabled}
        self.until_done(partial(self.request, token, message))
        self.claim(inbox, PREFERENCE, COMMITTED, operation="set_preference")
        self._send_once(inbox, token, "unwanted send", self.content() | {"type": UNWANTED})

    def _send_once(self, inbox: int, token: str, operation: str, content: dict[str, Any]) -> None:
        """Send with a key, however often that has to be tried, and then once more."""
        title = self.title()
        sender, token = (inbox, token) if self.rng.random() < 0.7 else self.orders.operator
        more: dict[str, Any] = {
            "title": title,
            "key": True,
            "operation": operation,
            "content": recorded(content, sender),
        }
        self.claim(inbox, ADDED, UNKNOWN, **more)
        message = _as_message(content) | {
            "type": "send_notification",
            "user_id": inbox,
            "title": title,
            "idempotency_key": title,
        }
        sent = self.until_done(partial(self.request, token, message))
        if sent.get("suppressed"):
            self.claim(inbox, ADDED, SUPPRESSED, **more)
            return
        id = int(sent["notification_id"])
        self.claim(inbox, ADDED, COMMITTED, notification_id=id, **more)
        if "expires_at" in content or content["type"] == UNWANTED:
            return
        again = self.until_done(partial(self.request, token, message))
        # Unless it was deleted meanwhile: then the key is free again, and that is another notification.
        if again["notification_id"] == id:
            self.claim(inbox, ADDED, COMMITTED, **more | {"operation": "replayed send"})

    def _send_many(self, inbox: int, token: str) -> None:
        operator, token = self.orders.operator
        some = self.rng.sample(list(self.orders.inboxes), min(SOME, len(self.orders.inboxes)))
        title, content = self.title(), self.content()
        more: dict[str, Any] = {
            "title": title,
            "key": True,
            "operation": "send_many",
            "content": recorded(content, operator),
        }
        for each in some:
            self.claim(each, ADDED, UNKNOWN, **more)
        named = {"type": "send_many", "user_ids": some, "title": title, "idempotency_key": title}
        sent = self.until_done(partial(self.request, token, _as_message(content) | named))
        for result in sent["results"]:
            if result["status"] not in ("sent", "suppressed"):
                raise Refusal(f"{result['status']} in send_many")
            outcome = COMMITTED if result["status"] == "sent" else SUPPRESSED
            self.claim(int(result["recipient"]), ADDED, outcome, **more)

    def send_one(self, inbox: int, token: str, content: dict[str, Any]) -> None:
        """Send to an inbox."""
        self._send_once(inbox, token, "keyed send", content)

    def _choose(self, token: str) -> dict[str, Any] | None:
        listed = self.request(token, {"type": "get_notifications", "limit": 20})
        return self.rng.choice(listed["notifications"]) if listed["notifications"] else None

    def _mark(self, inbox: int, token: str) -> None:
        chosen = self._choose(token)
        if chosen is None:
            return
        self._mark_as(inbox, token, chosen["id"], is_read=not chosen["read"])
        if self.is_thorough or self.rng.random() < 0.3:
            self._mark_as(inbox, token, chosen["id"], is_read=chosen["read"])

    def _mark_as(self, inbox: int, token: str, id: int, *, is_read: bool) -> None:
        what = READ if is_read else UNREAD
        more: dict[str, Any] = {"notification_id": id, "operation": f"mark_{what}"}
        self.claim(inbox, what, UNKNOWN, **more)
        self.request(token, {"type": f"mark_{what}", "notification_id": id})
        self.claim(inbox, what, COMMITTED, **more)

    def _mark_all(self, inbox: int, token: str) -> None:
        if self.is_thorough:
            self._send_once(inbox, token, "keyed send", self.content())
        self.claim(inbox, ALL_READ, UNKNOWN, operation="mark_all_read")
        done = self.request(token, {"type": "mark_all_read"})
        if done["count"]:
            self.claim(inbox, ALL_READ, COMMITTED, operation="mark_all_read")

    def _delete(self, inbox: int, token: str) -> None:
        chosen = self._choose(token)
        if chosen is None:
            return
        more: dict[str, Any] = {"notification_id": chosen["id"], "operation": "delete"}
        self.claim(inbox, DELETED, UNKNOWN, **more)
        self.request(token, {"type": "delete_notification", "notification_id": chosen["id"]})
        self.claim(inbox, DELETED, COMMITTED, **more)

    def edit(self, id: int, message: str) -> bool:
        """Edit a notification as the operator."""
        named = {"type": "edit_notification", "notification_id": id}
        given = {"message": message, "priority": "high"}
        return bool(self.request(self.orders.operator[1], named | given)["changed"])

    def recall(self, id: int) -> bool:
        """Recall a notification as the operator."""
        message = {"type": "recall_notification", "notification_id": id}
        return bool(self.request(self.orders.operator[1], message)["recalled"])

    # -- the socket ---------------------------------------------------------------------------------------

    def request(self, token: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and return its answer, or the event of another device that says the same.

        Raises Refusal, or Unavailable when it is unknown what came of it.
        """
        try:
            connection = self._connections.get(token) or self._connect(token)
            connection.send(json.dumps(message))
            return _checked(self._answer(connection, message))
        except (OSError, WebSocketException) as error:
            self._drop(token)
            raise Unavailable(str(error)) from None
        except Unavailable:
            # Not to take a late answer for that of the next request.
            self._drop(token)
            raise

    def _answer(self, connection: ClientConnection, message: Mapping[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + REQUEST_SECONDS
        while True:
            text = connection.recv(timeout=max(0.0, deadline - time.monotonic()))
            answer: dict[str, Any] = json.loads(text)
            if answer["type"] == "error" or _answers(answer, message):
                return answer

    def _connect(self, token: str) -> ClientConnection:
        while len(self._connections) >= SOME:
            oldest = next(iter(self._connections))
            self._connections.pop(oldest).close()
        server = self.rng.choice(self.orders.servers).replace("http", "ws", 1)
        connection = connect(
            f"{server}/ws/notifications/?token={token}",
            compression=None,
            proxy=None,
            open_timeout=REQUEST_SECONDS,
            close_timeout=1,
            ping_interval=None,
        )
        self._connections[token] = connection
        return connection

    def _drop(self, token: str) -> None:
        broken = self._connections.pop(token, None)
        if broken is not None:
            with suppress(OSError):
                # Without waiting for a server that may not answer; the thread that reads then ends.
                broken.socket.shutdown(socket.SHUT_RDWR)


def _answers(answer: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    """Whether a message is the answer, or the event of another device that says the same."""
    is_failure = answer.get("success") is False
    expected = ANSWERS[message["type"]]
    if expected == "all_notifications_marked_read" and len(message) > 1 and not is_failure:
        expected = "notifications_marked_read"
    if answer["type"] != expected or answer.get("notification_id") != message.get(
        "notification_id"
    ):
        # A send names the notification only in its answer.
        return bool(answer["type"] == expected == "notification_sent")
    return "undoable" not in message or "undo_token" in answer or is_failure


def _as_message(content: Mapping[str, Any]) -> dict[str, Any]:
    message = dict(content)
    message["notification_type"] = message.pop("type")
    if "expires_at" in message:
        message["expires_at"] = message["expires_at"].isoformat()
    return message


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that is no refusal."""
    error = answer if answer["type"] == "error" else answer.get("error")
    if error is None:
        return answer
    if error["code"] == "SERVICE_UNAVAILABLE":
        raise Unavailable(error["message"])
    raise Refusal(f"{error['code']} {error.get('field', '')}: {error['message']}"[:200])
