"""Whether undoing is exact: what a change has changed, and nothing has changed since, is as it was. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.comparing import Comparisons, differences
from tests.chaos.history import (
    ALL_READ,
    CONTENT,
    DELETED,
    MANY_ARCHIVED,
    MANY_DELETED,
    MANY_READ,
    RESTORED,
    UNARCHIVED,
    UNREAD,
    Claim,
    EpochLog,
    EventContent,
    Inbox,
    Notification,
    apply,
)

UNDONE_BY = {
    MANY_READ: UNREAD,
    ALL_READ: UNREAD,
    MANY_ARCHIVED: UNARCHIVED,
    MANY_DELETED: RESTORED,
    DELETED: RESTORED,
}
"""For each change that can be undone, the kind of the events that undo it."""
MOST_OF_A_GROUP = 50
"""Notifications of a group that are kept: docs/sending.md, "Groups"."""


def undo_differences(claim: Claim, inbox: Inbox, counted: Comparisons) -> Iterator[str]:
    """Yield how what a writer has undone differs from what it was before the change."""
    if not claim.undoes or not claim.sequence:
        # The JSON API names no places.
        return
    found = [
        list(_differences_in(log, claim, counted)) for log in inbox.epoch_logs if _has(log, claim)
    ]
    if not found:
        yield f"the change at {claim.undoes} was undone, and that is not in the log"
        return
    # It is of one of them: a restored database numbers on from where it was.
    yield from min(found, key=len)


def _differences_in(log: EpochLog, claim: Claim, counted: Comparisons) -> Iterator[str]:
    change = log.events[claim.undoes - 1]
    first = _first(log, claim)
    before = _known_before(log, first)
    undone = _undone(log, claim, UNDONE_BY[change.what])
    changed = _changed(change, before).union(
        each.notification_id for each in log.events[first - 1 : claim.undoes - 1]
    )
    untouched = changed - _touched(log, claim.undoes, claim.sequence - claim.number)
    counted["undo.notifications"] += len(undone)
    if not untouched <= undone.keys() <= changed:
        yield f"{sorted(undone)} undone at {claim.sequence}, of {sorted(changed)}, not {sorted(untouched)}"
    if len(undone) != claim.number:
        yield f"{len(undone)} events at {claim.sequence}, not {claim.number}"
    for id in untouched & undone.keys():
        for detail in differences(undone[id], before[id], CONTENT, "undo", counted):
            yield f"{id} at {claim.sequence}: {detail}"


def _has(log: EpochLog, claim: Claim) -> bool:
    is_long = len(log.events) >= claim.sequence
    return is_long and log.events[claim.undoes - 1].what in UNDONE_BY


def _known_before(log: EpochLog, sequence: int) -> dict[int, Notification]:
    known: dict[int, Notification] = {}
    for content in log.events[: sequence - 1]:
        apply(content, known)
    return known


def _changed(change: EventContent, before: dict[int, Notification]) -> set[int]:
    """Return the notifications that a change has changed."""
    if change.ids:
        return set(change.ids)
    if change.what == DELETED:
        return {change.notification_id}
    after = dict(before)
    apply(change, after)
    return {id for id, each in before.items() if after.get(id) != each}


def _first(log: EpochLog, claim: Claim) -> int:
    """Return where a change begins: what is folded is deleted just before what it is folded under.

    Before the most that a group has may be what was deleted because it had become longer.
    """
    folded: dict[int, str] = {}
    known: dict[int, Notification] = {}
    for sequence, content in enumerate(log.events[: claim.undoes], 1):
        gone = known.get(content.notification_id) if content.what == DELETED else None
        if gone is not None and (gone.folder == "grouped" or sequence == claim.undoes):
            folded[sequence] = gone.group_key
        apply(content, known)
    first = claim.undoes
    while folded.get(claim.undoes) and folded.get(first - 1) == folded[claim.undoes]:
        first -= 1
    return max(first, claim.undoes - MOST_OF_A_GROUP + 1)


def _undone(log: EpochLog, claim: Claim, what: str) -> dict[int, Notification]:
    """Return the notifications of the last events up to the place of a claim that undo something."""
    events = log.events[claim.sequence - claim.number : claim.sequence]
    return {
        content.notification_id: content.notification
        for content in events
        if content.what == what and content.notification is not None
    }


def _touched(log: EpochLog, after: int, up_to: int) -> set[int]:
    """Return the notifications that anything has changed in between."""
    known = _known_before(log, after + 1)
    touched = set()
    for content in log.events[after:up_to]:
        touched |= _changed(content, known) if content.what == ALL_READ else set(content.ids)
        touched.add(content.notification_id)
        apply(content, known)
    return touched
