"""What an event shows of a notification: all as it was before, but for what its kind changes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.chaos.comparing import Comparisons, differences
from tests.chaos.history import (
    ACTION,
    ADDED,
    ARCHIVED,
    CONTENT,
    EDITED,
    GROUPED,
    PINNED,
    READ,
    RESTORED,
    RETURNED,
    SNOOZED,
    UNARCHIVED,
    UNGROUPED,
    UNPINNED,
    UNREAD,
    EventContent,
    Notification,
    apply,
)

CHANGED_FIELDS = {
    ADDED: (),
    READ: ("read_at",),
    UNREAD: ("read_at",),
    ARCHIVED: ("folder", "snoozed_until"),
    UNARCHIVED: ("folder",),
    SNOOZED: ("folder", "snoozed_until"),
    RETURNED: ("folder", "snoozed_until", "read_at", "returned_rank"),
    PINNED: ("pinned",),
    UNPINNED: ("pinned",),
    ACTION: ("performed_action", "performed_at"),
    EDITED: (
        *("title", "message", "link", "data", "expires_at", "edited_at", "priority", "icon"),
        *("actor", "target", "actions", "format"),
    ),
    # Of those that are pinned, there may be too many now; and one of a group has to be in the inbox.
    RESTORED: ("pinned", "folder"),
    GROUPED: ("folder", "pinned"),
    UNGROUPED: ("folder",),
}
RESULTS = {
    ARCHIVED: ("folder", "archive"),
    UNARCHIVED: ("folder", "inbox"),
    SNOOZED: ("folder", "snoozed"),
    RETURNED: ("folder", "inbox"),
    PINNED: ("pinned", True),
    UNPINNED: ("pinned", False),
    UNREAD: ("read_at", ""),
    GROUPED: ("folder", "grouped"),
    UNGROUPED: ("folder", "inbox"),
}
"""What a change has made of one field."""


def snapshot_differences(events: Sequence[EventContent], counted: Comparisons) -> Iterator[str]:
    """Yield what a log shows wrong."""
    known: dict[int, Notification] = {}
    # Also what was deleted: it may be restored.
    last: dict[int, Notification] = {}
    for sequence, content in enumerate(events, 1):
        shown = content.notification
        if shown is None:
            if all(id in known for id in content.ids):
                apply(content, known)
                last |= known
            continue
        before = last.get(shown.id, shown)
        changed = {name: getattr(shown, name) for name in CHANGED_FIELDS[content.what]}
        for detail in differences(shown, replace(before, **changed), CONTENT, "log event", counted):
            yield f"{sequence}: {detail}"
        field, result = RESULTS.get(content.what, ("id", shown.id))
        if getattr(shown, field) != result:
            yield f"{sequence}: {field} {getattr(shown, field)!r} after {content.what}"
        if content.what == RETURNED:
            # Of those that somebody has returned before, too, the moment is still to come.
            counted["log returns.in time"] += before.snoozed_until <= content.occurred_at
            if shown.rank <= max((each.rank for each in known.values()), default=0):
                yield f"{sequence}: it returned, and not to the top"
        known[shown.id] = last[shown.id] = shown
