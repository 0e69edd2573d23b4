"""What a client knows of its inbox: the notifications of each folder, and what it may undo. From the documentation."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fuzzing.soundness import Unsound

Json = dict[str, Any]

UNDO_SECONDS = 25.0
"""After that, a change may not be undone any more: the documentation says 30."""
RELOADED = 50
"""Rows of a list that nobody has asked for."""


@dataclass
class Undoable:
    """A change of several: what it changed, as it was before."""

    action: str
    rows: list[Json]
    at: float = field(default_factory=time.monotonic)


class Folders:
    """The rows of all folders. `rows` are those of the inbox, the newest last."""

    def __init__(self, inbox: Json, archive: Json, snoozed: Json, grouped: Json) -> None:
        self.rows: dict[int, Json] = {row["id"]: row for row in reversed(inbox["notifications"])}
        self.elsewhere: dict[int, Json] = {
            row["id"]: row for page in (archive, snoozed, grouped) for row in page["notifications"]
        }
        self.total: int = inbox["total"]
        self.unread: int = inbox["unread_count"]
        self.unseen: int | None = inbox.get("unseen_count", self.unread)
        """None while it is not known, because what was seen is not known of each."""
        self.is_whole = self.total == len(self.rows) and all(
            len(page["notifications"]) < 100 for page in (archive, snoozed, grouped)
        )
        """Whether it knows all there is."""
        self.undoable: dict[str, Undoable] = {}
        self._displaced: set[int] = set()
        """Rows that came back to a place in the list that is not known."""
        self._marked_by: dict[int, str] = {}
        self._archived_by: dict[int, str] = {}
        self._under: dict[int, int] = {}
        """What is folded, and under which: that may be folded itself by now."""
        self._whole_groups: set[int] = set()
        """Those under which nothing else is folded than what is known."""

    def find(self, id: int) -> Json | None:
        """Return what is known of a notification."""
        return self.rows.get(id) or self.elsewhere.get(id)

    @property
    def has_order(self) -> bool:
        """Whether the place of each row is known."""
        return not self._displaced

    # -- changes ------------------------------------------------------------------------------------------

    def add(self, row: Json) -> None:
        """Put a new one, or one that returns, on top."""
        self.elsewhere.pop(row["id"], None)
        self.rows[row["id"]] = row
        self.total += 1
        self.unread += 1
        self._marked_by.pop(row["id"], None)
        if self.unseen is not None:
            self.unseen += 1

    def remove(self, id: int) -> Json:
        """Take one out of its folder."""
        if id in self.elsewhere:
            return self.elsewhere.pop(id)
        row = self.rows.pop(id)
        self._displaced.discard(id)
        self.total -= 1
        if not row["read"]:
            self._lose_unread()
        return row

    def _lose_unread(self) -> None:
        # If some of the unread ones are unseen, it is not known which.
        is_known = self.unseen in (0, self.unread)
        self.unread -= 1
        self.unseen = min(self.unseen or 0, self.unread) if is_known else None

    def file(self, id: int, folder: str, token: str = "") -> None:
        """Move one to another folder than the inbox."""
        row = self.remove(id)
        row.pop("snoozed_until", None)
        row["folder"] = folder
        self.elsewhere[id] = row
        if folder == "archive":
            self._archived_by[id] = token

    def put_back(self, row: Json) -> None:
        """Return one to its folder, at its place: if that is the inbox, only a list says where."""
        if row.get("folder", "inbox") != "inbox":
            self.elsewhere[row["id"]] = row
            return
        self.elsewhere.pop(row["id"], None)
        self.rows[row["id"]] = row
        self._displaced.add(row["id"])
        self.total += 1
        self.unread += not row["read"]
        self.unseen = self.unseen if row["read"] else None

    def mark(self, row: Json, *, is_read: bool, token: str = "") -> None:
        """Mark one as read or unread."""
        if row["read"] == is_read:
            return
        row["read"] = is_read
        self._marked_by[row["id"]] = token
        if row["id"] not in self.rows:
            return
        if is_read:
            self._lose_unread()
        else:
            self.unread += 1
            self.unseen = None

    # -- groups -------------------------------------------------------------------------------------------

    def of_group(self, key: str) -> list[Json]:
        """Return the rows of the inbox that have this group key. A new one folds over the one at the top."""
        return [row for row in self.rows.values() if row.get("group_key") == key]

    def fold(self, id: int, above: int) -> None:
        """Take one under another one, which has its pin from then on."""
        row = self.rows[id]
        if self._is_whole_group(row):
            self._whole_groups.add(above)
        row.pop("pinned", None)
        self.file(id, "grouped")
        self._under[id] = above

    def learn_group(self, id: int, page: Json) -> None:
        """Learn from a list what is folded under one. Raises Unsound."""
        folded = {row["id"]: row for row in page["notifications"]}
        key = self.rows[id].get("group_key")
        for row in folded.values():
            if not _is_folded(row) or row.get("group_key") != key or row != self.find(row["id"]):
                raise Unsound(f"{row} under {self.rows[id]}")
        self._under |= dict.fromkeys(folded, id)
        self._whole_groups.add(id)

    def _is_whole_group(self, row: Json) -> bool:
        return row.get("group_count", 1) == 1 or row["id"] in self._whole_groups

    def folded_under(self, id: int) -> set[int] | None:
        """Return what is folded under one that is shown; None if that is not known."""
        row = self.find(id)
        if row is None or not self._is_whole_group(row):
            return None
        return {each for each in self.elsewhere if each != id and self._shown_over(each) == id}

    def _shown_over(self, id: int) -> int:
        while id in self._under:
            id = self._under[id]
        return id

    # -- several ------------------------------------------------------------------------------------------

    def matching(self, action: str, fields: Json) -> list[Json] | None:
        """Return the rows that a bulk change is about; None if they are not known."""
        folder = fields.get("folder") or "inbox"
        if (
            not self.is_whole
            or fields.get("seen") is not None
            or fields.get("categories") is not None
        ):
            return None
        rows: Iterable[Json] = self.rows.values() if folder == "inbox" else self.elsewhere.values()
        rows = [row for row in rows if row.get("folder", "inbox") == folder and _fits(row, fields)]
        return [row for row in rows if action != "mark_all_read" or not row["read"]]

    def change_several(self, action: str, rows: list[Json], token: str) -> None:
        """Do to rows what a bulk change does."""
        rows = self._with_folded(rows) if action.startswith("delete") else rows
        self.undoable[token] = Undoable(action, [dict(row) for row in rows])
        for row in rows:
            match action:
                case "mark_all_read":
                    self.mark(row, is_read=True, token=token)
                case "archive_all":
                    self.file(row["id"], "archive", token)
                case _:
                    self.remove(row["id"])

    def _with_folded(self, rows: list[Json]) -> list[Json]:
        """Return rows that are deleted, and what goes with them. Raises Stale."""
        gone = {row["id"]: row for row in rows}
        for row in rows:
            folded = self.folded_under(row["id"])
            if folded is None and not _is_folded(row):
                raise Stale
            gone |= {id: self.elsewhere[id] for id in folded or ()}
        return list(gone.values())

    def undo(self, token: str) -> set[int]:
        """Undo a change, and return the notifications that this concerns. Raises Stale."""
        undoable = self.undoable.pop(token)
        undone = set()
        back = {row["id"]: row for row in undoable.rows}
        for id, before in back.items():
            shown = self._shown_over(id)
            is_shown = shown != id and (shown in back or self.find(shown) is not None)
            if undoable.action.startswith("delete") and _is_folded(before) and not is_shown:
                # Nothing of its group may be shown. Then it is itself.
                raise Stale
        for before in undoable.rows:
            id = before["id"]
            row = self.find(id)
            if undoable.action in ("delete_all", "delete_notification"):
                self.put_back(dict(before))
                undone.add(id)
            elif row is None:
                continue
            elif undoable.action == "mark_all_read":
                if row["read"] and self._marked_by.get(id) == token:
                    self.mark(row, is_read=False)
                    undone.add(id)
            elif row.get("folder") == "archive" and self._archived_by.get(id) == token:
                row = self.remove(id)
                del row["folder"]
                self.put_back(row)
                undone.add(id)
        return undone

    # -- lists --------------------------------------------------------------------------------------------

    def check_counts(self, message: Json) -> None:
        """Compare the counts of a list, and learn how many are unseen. Raises Unsound."""
        counts = message["total"], message["unread_count"]
        if counts != (self.total, self.unread):
            raise Unsound(f"{counts} instead of {self.total}, {self.unread}")
        unseen = message.get("unseen_count", self.unread)
        if self.unseen not in (None, unseen):
            raise Unsound(f"{unseen} unseen instead of {self.unseen}")
        self.unseen = unseen

    def check_reload(self, message: Json) -> None:
        """Compare a list that takes the place of the client's own. Raises Unsound."""
        self.check_counts(message)
        got = message["notifications"]
        displaced = self._displaced
        placed = [row for row in got if row["id"] not in displaced]
        known = [row for id, row in reversed(self.rows.items()) if id not in displaced]
        if placed != known[: len(placed)] or (
            self.is_whole and len(got) != min(self.total, RELOADED)
        ):
            raise Unsound(f"{got} instead of {known}, and {displaced} somewhere")
        for row in got:
            expected = self.rows.get(row["id"])
            # Of what was pinned and is back, too much may be pinned now.
            if expected is None or _unpinned(row) != _unpinned(expected):
                raise Unsound(f"{row} instead of {expected}")

    def reload(self, message: Json) -> None:
        """Compare a list likewise, and learn the places of rows from it."""
        self.check_reload(message)
        shown = {row["id"]: row for row in reversed(message["notifications"])}
        below = {id: row for id, row in self.rows.items() if id not in shown}
        self._displaced &= below.keys()
        self.rows = below | shown


class Stale(Exception):
    """Raised when it cannot be known any more what the inbox has."""


def _is_folded(row: Json) -> bool:
    return bool(row.get("folder") == "grouped")


def _unpinned(row: Json) -> Json:
    return {key: value for key, value in row.items() if key != "pinned"}


def _fits(row: Json, fields: Json) -> bool:
    types, read, text = fields.get("types"), fields.get("read"), fields.get("text")
    content = row["title"].lower(), row["message"].lower()
    return (
        (types is None or row["type"] in types)
        and (read is None or row["read"] is read)
        and (not fields.get("pinned_only") or bool(row.get("pinned")))
        and all(any(word in each for each in content) for word in (text or "").lower().split())
    )
