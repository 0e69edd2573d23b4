"""What a client of the JSON API has to receive, from its documentation: a model of one connection and its inbox."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from tests.fuzzing.json_messages import Sent, meaning
from tests.fuzzing.soundness import Unsound

FAULTS = (
    *("INVALID_JSON", "INVALID_MESSAGE", "UNKNOWN_TYPE", "MESSAGE_TOO_LARGE", "BINARY_MESSAGE"),
)
FAILURES = ("BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN", "CONFLICT", "SERVICE_UNAVAILABLE")
MAX_FAULTS = 20
MAX_PAGE = 100
ANSWERS = {
    "send_notification": "notification_sent",
    "get_notifications": "notifications_list",
    "mark_read": "notification_marked_read",
    "mark_unread": "notification_marked_unread",
    "mark_all_read": "all_notifications_marked_read",
    "delete_notification": "notification_deleted",
}
OPTIONAL_TEXTS = ("message", "link", "expires_at", "idempotency_key")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Json = dict[str, Any]


class JsonModel:
    """One connection. `page` is its first list, of at most 100 rows."""

    def __init__(self, page: Json) -> None:
        self.rows: dict[int, Json] = {row["id"]: row for row in reversed(page["notifications"])}
        """Every notification that the client knows, the newest last."""
        self.total: int = page["total"]
        self.unread: int = page["unread_count"]
        self.faults = 0
        self._oldest = min(self.rows, default=0)
        self._is_whole = self.total == len(self.rows)
        self._at_once: deque[str] = deque()
        self._actions: deque[tuple[str, Json, Sent]] = deque()
        self._refreshes: list[bool | None] = []
        self._refreshed = 0
        self._last_refreshed: bool | None = None
        self._arrived: Json | None = None

    # -- what is sent -------------------------------------------------------------------------------------

    def send(self, sent: Sent) -> None:
        """Take note of a message."""
        action, fields = meaning(sent.data)
        if action in FAULTS:
            self.faults += 1
            self._at_once.append(action)
        elif action == "ping":
            self._at_once.append("pong")
        elif action == "refresh_token":
            self._refreshes.append(sent.is_accepted)
        else:
            self._actions.append((action, fields, sent))

    @property
    def is_answered(self) -> bool:
        """Whether nothing is missing. Of several tokens that wait, only the newest is looked at."""
        is_refreshed = not self._refreshes or (
            self._refreshed > 0 and self._last_refreshed is self._refreshes[-1]
        )
        return not self._at_once and not self._actions and is_refreshed

    def waiting(self) -> str:
        """Return what is missing, for people."""
        return f"{list(self._at_once)}, {list(self._actions)[:3]}, {self._refreshes}"

    # -- what is received ---------------------------------------------------------------------------------

    def receive(self, message: Json) -> None:
        """Take the next message of the server. Raises Unsound."""
        kind = message["type"]
        if kind == "pong" or (kind == "error" and message["code"] in FAULTS):
            got = "pong" if kind == "pong" else message["code"]
            expected = self._at_once.popleft() if self._at_once else None
            if got != expected:
                raise Unsound(f"{message} instead of {expected}")
        elif kind == "token_refreshed":
            self._take_refreshed(message)
        elif kind == "notification":
            self._take_notification(message["notification"])
        else:
            self._take_answer(message)

    def _take_refreshed(self, message: Json) -> None:
        self._refreshed += 1
        self._last_refreshed = message["success"]
        if self._refreshed > len(self._refreshes) or message["success"] not in self._refreshes:
            raise Unsound(f"{message} without a cause")
        if not message["success"]:
            _check_error(message.get("error"), ("UNAUTHENTICATED", "FORBIDDEN"))

    def _take_notification(self, row: Json) -> None:
        if not self._actions or self._actions[0][0] != "send_notification" or self._arrived:
            raise Unsound(f"{row} without a cause")
        _, fields, sent = self._actions[0]
        if sent.is_good:
            wanted = {
                "title": fields["title"],
                "message": fields.get("message") or "",
                "data": fields.get("data") or {},
                "link": fields.get("link") or None,
                "read": False,
            }
            if any(row[key] != value for key, value in wanted.items()):
                raise Unsound(f"{row} instead of {wanted}")
        if row["id"] <= max(self.rows, default=0) or not MOMENT.fullmatch(row["created_at"]):
            raise Unsound(f"{row} after {max(self.rows, default=0)}")
        self._arrived = row
        self.rows[row["id"]] = row
        self.total += 1
        self.unread += 1

    def _take_answer(self, message: Json) -> None:
        if not self._actions:
            raise Unsound(f"{message} without a cause")
        action, fields, sent = self._actions.popleft()
        if message["type"] == "error" and action == "get_notifications":
            _check_error(message, FAILURES)
            is_done = False
        elif message["type"] != ANSWERS[action]:
            raise Unsound(f"{message} as the answer to {action}")
        else:
            is_done = message.get("success", action == "get_notifications")
            if not is_done:
                _check_error(message.get("error"), FAILURES)
        wrong = _wrong_fields(action, fields)
        if wrong and (is_done or _error_of(message).get("field") not in wrong):
            raise Unsound(f"{message}, although {wrong} are wrong: {sent}")
        if is_done and action == "send_notification" and not fields.get("title"):
            raise Unsound(f"{message}, although there is no title: {sent}")
        if action == "send_notification":
            self._take_sent(message, sent, is_done=is_done)
        elif action == "get_notifications":
            if sent.is_good and not is_done:
                raise Unsound(f"{message} for {sent}")
            if is_done:
                self._check_list(message, fields)
        elif action == "mark_all_read":
            self._mark_all(message, is_done=is_done)
        else:
            self._change(action, fields, message, sent, is_done=is_done)

    def _take_sent(self, message: Json, sent: Sent, *, is_done: bool) -> None:
        arrived, self._arrived = self._arrived, None
        if sent.is_good and not is_done:
            raise Unsound(f"{message} for {sent}")
        if arrived is not None and (not is_done or message["notification_id"] != arrived["id"]):
            raise Unsound(f"{message} after {arrived}")
        if is_done and arrived is None and "idempotency_key" not in str(sent.data):
            raise Unsound(f"{message} without a notification, for {sent}")

    def _check_list(self, message: Json, fields: Json) -> None:
        if (message["total"], message["unread_count"]) != (self.total, self.unread):
            raise Unsound(
                f"{message['total']}, {message['unread_count']} instead of {self.total}, {self.unread}"
            )
        limit = min(int(fields.get("limit") or 50), MAX_PAGE)
        before = int(fields.get("before_id") or 2**63)
        known = [row for id, row in sorted(self.rows.items(), reverse=True) if id < before][:limit]
        got = message["notifications"]
        if self._is_whole or before > self._oldest:
            if got[: len(known)] != known or (self._is_whole and len(got) != len(known)):
                raise Unsound(f"{got} instead of {known}")
        elif len(got) > limit:
            raise Unsound(f"{len(got)} rows instead of {limit}")

    def _mark_all(self, message: Json, *, is_done: bool) -> None:
        if not is_done or message["count"] != self.unread:
            raise Unsound(f"{message} with {self.unread} unread")
        self.unread = 0
        for row in self.rows.values():
            row["read"] = True

    def _change(
        self, action: str, fields: Json, message: Json, sent: Sent, *, is_done: bool
    ) -> None:
        id = message["notification_id"]
        row = self.rows.get(id) if id is not None else None
        if is_done and int(fields["notification_id"]) != id:
            raise Unsound(f"{message} for {fields}")
        if sent.is_good and not is_done and int(fields["notification_id"]) in self.rows:
            raise Unsound(f"{message} for {fields}, which exists")
        if not is_done:
            return
        if row is None:
            if self._is_whole or id > self._oldest:
                raise Unsound(f"{message}, which does not exist")
            # It is older than the first list: what it was is not known.
            self._is_whole = False
            raise Stale
        if action == "delete_notification":
            del self.rows[id]
            self.total -= 1
            self.unread -= not row["read"]
            return
        is_read = action == "mark_read"
        self.unread += row["read"] - is_read
        row["read"] = is_read


def _error_of(message: Json) -> Json:
    error: Json = message if message["type"] == "error" else message.get("error") or {}
    return error


def _wrong_fields(action: str, fields: Json) -> list[str]:
    """Return the keys whose values cannot be right, whatever the inbox has."""
    if action == "send_notification":
        wrong = [key for key in OPTIONAL_TEXTS if not isinstance(fields.get(key) or "", str)]
        # A type may have a template for a title that is missing. That is looked at last, after the permission.
        if not isinstance(fields.get("title") or "", str):
            wrong.append("title")
        if not isinstance(fields.get("data") or {}, dict) or fields.get("data") in ([], "", 0):
            wrong.append("data")
        # What else may be wrong is reported first, or in its place.
        return [*wrong, "user_id", "notification_type"] if wrong else []
    if action == "get_notifications":
        keys = ("limit", "before_id")
        return [key for key in keys if fields.get(key) is not None and not _is_number(fields[key])]
    if action == "mark_all_read":
        return []
    return [] if _is_number(fields.get("notification_id")) else ["notification_id"]


def _is_number(value: object) -> bool:
    """Whether a value is an integer from 1, or a string of its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        value = int(value)
    return type(value) is int and 1 <= value < 2**63


class Stale(Exception):
    """Raised when the model cannot know any more what the inbox has."""


def _check_error(error: Any, codes: tuple[str, ...]) -> None:
    if not isinstance(error, dict) or error.get("code") not in codes or not error.get("message"):
        raise Unsound(f"the error {error}")
