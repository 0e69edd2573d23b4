"""A client of the JSON API. It has no positions: it loads its list at each connection."""

from __future__ import annotations

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
    READ,
    UNREAD,
    Message,
    Notification,
    Segment,
    canonical_json,
    canonical_time,
    digest_of,
)

PAGE = 100
CHANGES = {
    "notification_marked_read": READ,
    "notification_marked_unread": UNREAD,
    "notification_deleted": DELETED,
}


class OriginalClient(Client):
    """Loads the list page by page and applies the messages to it; keeps the segments between lists."""

    def __init__(self, spec: ClientSpec, servers: Sequence[str]) -> None:
        super().__init__(spec, servers)
        self.path = f"/ws/notifications/?token={spec.token}"
        self.segments: list[Segment] = []
        self.mismatches: list[str] = []
        self._began = 0.0
        self._contents: dict[int, Notification] = {}
        self._begin_segment()
        # The lists that were asked for and have not come: before which id, or None for the newest.
        self._asked: list[int | None] = []

    def _begin_segment(self) -> None:
        # In the order of the list, the newest last.
        self._list: dict[int, bool] = {}
        self._messages: list[Message] = []
        self._shown: list[Notification] = []
        self._unfitting: list[str] = []
        self._is_complete = False
        self._completed_at = 0.0

    async def begin(self, connection: ClientConnection, began: float) -> None:
        """Ask for the list."""
        self._begin_segment()
        self._began = began
        self._asked.clear()
        await self._request_page(connection, None)

    async def _request_page(self, connection: ClientConnection, before: int | None) -> None:
        self._asked.append(before)
        asked: dict[str, Any] = {"type": "get_notifications", "limit": PAGE}
        if before is not None:
            asked["before_id"] = before
        await connection.send(json.dumps(asked))

    async def on_message(self, connection: ClientConnection, message: dict[str, Any]) -> None:
        """Take a message."""
        match message:
            case {"type": "notifications_list"}:
                await self._take_page(connection, message)
            case {"type": "notification", "notification": {"id": int(id), "read": read} as row}:
                self._show(row)
                self._report_mismatch(id in self._list or read, message)
                self._list.pop(id, None)
                self._list[id] = False
                self._messages.append((ADDED, id))
            case {"type": "all_notifications_marked_read", "count": count}:
                became = sum(not read for read in self._list.values())
                # More than are listed, if some of them have been deleted since: those were not sent.
                self._report_mismatch(self._is_complete and became > count, message)
                self._list = dict.fromkeys(self._list, True)
                self._messages.append((ALL_READ, count))
            case {"type": str(type), "notification_id": int(id), "success": True}:
                self._change(CHANGES[type], id, message)
            case _:
                raise ServerRefused(json.dumps(message)[:200])

    def _change(self, what: str, id: int, message: dict[str, Any]) -> None:
        self._messages.append((what, id))
        # What is not listed yet will be listed as it is after this. What was deleted before it was sent never will, and
        # nor will what is in another folder.
        if id not in self._list:
            return
        if what == DELETED:
            del self._list[id]
        else:
            # It may be so already: marks of several are undone by messages, before the list comes that had them.
            self._list[id] = what == READ

    async def _take_page(self, connection: ClientConnection, page: dict[str, Any]) -> None:
        rows = page["notifications"]
        if self._asked and self._asked[0] is not None and not self._continues_with(page):
            # Between two pages was an event without a message. Which of the lists this is, nothing says.
            self.drop(0)
            return
        if self._asked:
            self._asked.pop(0)
        else:
            # An unrequested list: there was an event for which this protocol has no message. Start anew. The segment
            # may hold what came after that event, but not the event itself: this list fits no place of it.
            self._is_complete = False
            self._keep(was_replaced=True)
            self._begin_segment()
        for row in rows:
            self._show(row)
        self._list = {row["id"]: row["read"] for row in reversed(rows)} | self._list
        if len(self._list) >= page["total"]:
            self._complete(page)
        else:
            await self._request_page(connection, next(iter(self._list)))

    def _continues_with(self, page: dict[str, Any]) -> bool:
        """Whether a page is the one below those that are listed: there is room for it, and nothing comes twice."""
        rows = page["notifications"]
        is_new = not any(row["id"] in self._list for row in rows)
        return is_new and page["total"] >= len(self._list) + len(rows)

    def _show(self, row: dict[str, Any]) -> None:
        shown = notification_of(row)
        self._shown.append(shown)
        self._contents[shown.id] = shown

    def rows(self) -> list[Notification]:
        """Return the list as it now is, newest first."""
        return [
            replace(self._contents[id], read_at="read" if self._list[id] else "")
            for id in reversed(self._list)
        ]

    def _complete(self, page: dict[str, Any]) -> None:
        counted = page["total"], page["unread_count"]
        actual = len(self._list), sum(not read for read in self._list.values())
        self._report_mismatch(counted != actual, {"counted": counted, "there": actual})
        self._is_complete = self.is_following = True
        self._completed_at = time.monotonic()

    def _report_mismatch(self, condition: bool, message: object) -> None:
        if condition:
            self._unfitting.append(json.dumps(message)[:300])

    def end(self) -> None:
        """Keep the segment that ends with the connection."""
        self._keep()

    def _keep(self, *, was_replaced: bool = False) -> None:
        digest = digest_of(self._list) if self._is_complete else None
        segment = self._segment(digest)
        if was_replaced:
            # What did not fit may be about the event for which there is no message.
            segment = replace(segment, was_replaced=True)
        else:
            self.mismatches += self._unfitting
        self.segments.append(segment)

    def _segment(self, digest: int | None) -> Segment:
        return Segment(self._messages, digest, self._completed_at, self._began, self._shown)

    def finish(self) -> list[Segment]:
        """Return all segments, the present one included."""
        digest = digest_of(self._list) if self._is_complete and self.is_following else None
        self.mismatches += self._unfitting
        return [*self.segments, self._segment(digest)]

    def known_state(self) -> object:
        """Return the digest of the list; None while it is not complete."""
        return digest_of(self._list) if self._is_complete and self.is_following else None


def notification_of(row: dict[str, Any]) -> Notification:
    """Return a notification in the form of `Notification.as_json`."""
    return Notification(
        id=row["id"],
        type=row["type"],
        title=row["title"],
        message=row["message"],
        link=row["link"] or "",
        data=canonical_json(row["data"]),
        sender="",
        created_at=canonical_time(row["created_at"])[:19],
        expires_at=canonical_time(row.get("expires_at"))[:19],
        read_at="read" if row["read"] else "",
        priority=row.get("priority", "normal"),
        icon=row.get("icon", ""),
        actor=canonical_json(row.get("actor")),
        target=canonical_json(row.get("target")),
        actions=canonical_json(row.get("actions")),
        format=row.get("format", "plain"),
        folder=row.get("folder", "inbox"),
        snoozed_until=canonical_time(row.get("snoozed_until"))[:19],
        pinned=row.get("pinned", False),
        performed_action=row.get("performed_action", ""),
        performed_at=canonical_time(row.get("performed_at"))[:19],
        edited_at=canonical_time(row.get("edited_at"))[:19],
        group_key=row.get("group_key", ""),
        group_count=row.get("group_count", 1),
        group_actors=canonical_json(row.get("group_actors")),
    )
