"""The rows of an import: as a source yields them, and as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from live_inbox.content import Content

PAGE = 2000
"""Rows that a source yields, and a transaction writes, at a time. Writers of the same inboxes wait for one such
transaction; larger pages gain nothing measurable."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A notification of another system, not yet validated.

    `place` says where it is, for reports. `read` is the moment when it was read, True if that moment is not known,
    and anything false while it is unread. `content` has the content fields that are known.
    """

    place: str
    key: str
    recipient: object
    sender: object = None
    created_at: object = None
    read: object = None
    content: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be imported. `value` is what the message is about, where that helps to find it."""

    place: str
    field: str
    message: str
    value: str = ""

    def __str__(self) -> str:
        about = f" ({self.value})" if self.value else ""
        return f"{self.place}: {self.message}{about}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is left out on purpose."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A notification that can be written. The recipient and the sender are primary keys; the moments have a zone."""

    place: str
    key: str
    recipient_id: Any
    sender_id: Any
    created_at: datetime
    read_at: datetime | None
    content: Content


Page = list[SourceRow | Problem | Skipped]


class Source(Protocol):
    """Where notifications come from."""

    def total(self) -> int | None:
        """Return how many rows there are, if that is cheap to find out."""

    def pages(self) -> Iterator[Page]:
        """Yield the rows in the order in which the inboxes get them: oldest first, in pages of 1 to PAGE rows."""
