"""What a sender changes of what was sent, by messages of the JSON API; and a model of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.fuzzing.json_folders import Folders, Stale
from tests.fuzzing.soundness import Unsound

SENT_ACTIONS = ("edit_notification", "recall_notification")
EDITED: dict[str, tuple[str, ...]] = {
    "title": ('"T2"', '"é"', '"' + "x" * 200 + '"'),
    "message": ('"M2"', '""', "null"),
    "data": ("{}", "null", '{"edited":[1,"é"]}'),
    "link": ("null", '""', '"/other/url"'),
    "expires_at": ("null", '"2124-01-01T00:00:00Z"', '"2124-01-01T00:00:00.5+02:00"'),
    "priority": ("null", '"normal"', '"high"'),
}
TEXTS = ("title", "message", "link", "priority", "expires_at")

Json = dict[str, Any]
Pairs = list[tuple[str, str]]


class SomeMoment:
    """Equals every moment on the wire: when something was edited is not known."""

    _form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SomeMoment) or (
            isinstance(other, str) and self._form.fullmatch(other) is not None
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "some moment"


def sent_pairs(random: Random, action: str, id: str) -> Pairs:
    """Return the keys of a message, beside its type. `id` is what a message may name a notification by."""
    is_by_key = random.random() < 0.15
    pairs = [
        ("idempotency_key", f'"{random.choice("abc")}"') if is_by_key else ("notification_id", id)
    ]
    if action == "edit_notification":
        names = [name for name in EDITED if random.random() < 0.4]
        pairs += [(name, random.choice(EDITED[name])) for name in names]
    return pairs


def wrong_name(action: str, fields: Json, *, is_number: bool) -> list[str]:
    """Return the keys whose values cannot be right. `is_number`: whether the id that is given is one."""
    number, key = fields.get("notification_id"), fields.get("idempotency_key")
    wrong = []
    if (number is not None and not is_number) or (number is None) == (key is None):
        wrong.append("notification_id")
    if key is not None and not isinstance(key, str):
        wrong.append("idempotency_key")
    if action == "edit_notification":
        wrong += [name for name in TEXTS if not isinstance(fields.get(name) or "", str)]
        wrong += [name for name in ("data", "context") if _is_no_object(fields.get(name))]
        if wrong:
            # What else may be wrong is reported first, or in its place.
            wrong += [*TEXTS, "expires_in_seconds"]
    return wrong


def _is_no_object(value: object) -> bool:
    return value is not None and not isinstance(value, dict)


class SentModel:
    """What the user has sent to themselves, and what becomes of it."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.own: set[int] = set()
        """What has arrived from the user on this connection."""
        self.deleted: set[int] = set()
        """What was deleted since the last answer, while a recall is awaited."""

    def edit(self, fields: Json, message: Json, *, is_good: bool, is_done: bool) -> bool:
        """Take the answer to an edit; return whether a new list has to follow. Raises Unsound and Stale."""
        id = message["notification_id"]
        row = None if id is None else self.folders.find(id)
        if not is_done:
            if is_good and id in self.own and row is not None:
                raise Unsound(f"{message} for {fields}, which is the user's own")
            return False
        if row is None:
            self._require_whole(message)
            raise Stale
        if not is_good:
            # What was made of wrong values is not known.
            raise Stale
        before = dict(row)
        _apply(fields, row)
        if message["changed"] is (row == before):
            raise Unsound(f"{message} for {fields}, of {before}")
        if not message["changed"]:
            return False
        row["edited_at"] = SomeMoment()
        return row["id"] in self.folders.rows

    def recall(self, fields: Json, message: Json, *, is_good: bool, is_done: bool) -> None:
        """Take the answer to a recall. Raises Unsound and Stale."""
        deleted, self.deleted = self.deleted, set()
        if not is_done or not message["recalled"]:
            named = message["notification_id"]
            is_there = named in self.own and self.folders.find(named) is not None
            if deleted or (is_good and is_there):
                raise Unsound(f"{message} after {deleted}, for {fields}")
            return
        rows = [self.folders.find(id) for id in deleted]
        if not deleted or None in rows:
            self._require_whole(message)
            raise Stale
        if any("group_key" in row for row in rows if row is not None):
            # What was folded under it is shown again, or deleted.
            raise Stale
        if message["notification_id"] not in (None, *deleted) or len(deleted) > 1:
            raise Unsound(f"{message} after {deleted}")
        for id in deleted:
            self.folders.remove(id)

    def _require_whole(self, message: Json) -> None:
        if self.folders.is_whole:
            raise Unsound(f"{message}, of what does not exist")


def _apply(fields: Json, row: Json) -> None:
    """Write the new content into a row, as the server shows it."""
    for name in ("title", "message", "data", "link"):
        if name in fields:
            empty: Any = {"data": {}, "link": None}.get(name, "")
            row[name] = fields[name] or empty
    if "priority" in fields:
        row.pop("priority", None)
        if fields["priority"] not in (None, "normal"):
            row["priority"] = fields["priority"]
    if "expires_at" in fields:
        row.pop("expires_at", None)
        if fields["expires_at"]:
            moment = datetime.fromisoformat(fields["expires_at"]).astimezone(UTC)
            row["expires_at"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
