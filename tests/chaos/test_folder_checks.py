"""What the checker finds wrong with folders, changes of several and what was undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import Wrong, check
from tests.chaos.history import (
    ADDED,
    ALL_READ,
    ARCHIVED,
    CANCELLED,
    COMMITTED,
    DELETED,
    EDITED,
    MANY_ARCHIVED,
    MANY_DELETED,
    MANY_READ,
    PINNED,
    RESTORED,
    RETURNED,
    SCHEDULED,
    SEEN,
    SNOOZED,
    UNARCHIVED,
    UNDONE,
    UNREAD,
    Claim,
    EpochLog,
    EventContent,
    Inbox,
    Notification,
    Original,
    Segment,
    digest_of,
)

pytestmark = pytest.mark.stack("embedded")

USER = 7
A, B, C = (
    Notification(id, "general", title, "text", "", "{}", "", "t0", "", "")
    for id, title in ((11, "a"), (12, "b"), (13, "c"))
)
ADDED_ALL = [
    EventContent(ADDED, each.id, number, each.title, notification=each, occurred_at="t0")
    for number, each in enumerate((A, B, C), 1)
]
SENT = [Claim("w", USER, ADDED, COMMITTED, title=title) for title in "abc"]


def one(what: str, after: Notification, unread: int) -> EventContent:
    """Return an event that shows a notification."""
    return EventContent(what, after.id, unread, after.title, notification=after, occurred_at="t1")


def several(what: str, ids: Sequence[int], unread: int) -> EventContent:
    return EventContent(what, 0, unread, occurred_at="t1", ids=tuple(ids))


def inbox(events: Sequence[EventContent], **changes: Any) -> Inbox:
    """Return an inbox whose rows are what its log makes of them."""
    log = EpochLog("e", [*ADDED_ALL, *events])
    rows = log.list_at(len(log.events)) or []
    state = log.states[-1]
    listed = {each.id: bool(each.read_at) for each in rows}
    elsewhere = {name: log.list_at(len(log.events), name) or [] for name in ("archive", "snoozed")}
    actual = Inbox([log], listed, state.unread, state.total, rows, elsewhere=elsewhere)
    return replace(actual, **changes)


def found(at: Inbox, *claims: Claim, originals: Sequence[Original] = ()) -> list[Wrong]:
    return [each.wrong for each in check({USER: at}, [*SENT, *claims], [], originals)]


ARCHIVED_A = replace(A, folder="archive")
SNOOZED_B = replace(B, folder="snoozed", snoozed_until="t9")
RETURNED_B = replace(B, returned_rank="14")
MOVES = [
    one(ARCHIVED, ARCHIVED_A, 2),
    one(SNOOZED, SNOOZED_B, 1),
    one(RETURNED, RETURNED_B, 2),
    EventContent(SEEN, 14, 2, number=2, occurred_at="t1"),
    one(UNARCHIVED, A, 3),
    one(PINNED, replace(C, pinned=True), 3),
]


def test_a_log_of_moves_passes_and_makes_the_lists_of_all_folders() -> None:
    assert found(inbox(MOVES)) == []
    log = inbox(MOVES).last
    assert [each.id for each in log.list_at(9) or []] == [12, 13, 11]
    assert [each.id for each in log.list_at(5, "archive") or []] == [11]
    assert [each.id for each in log.list_at(5, "snoozed") or []] == [12]
    assert [(state.unread, state.total) for state in log.states[4:]] == [
        *((2, 2), (1, 1), (2, 2), (2, 2), (3, 3), (3, 3)),
    ]


@pytest.mark.parametrize(
    ("at", "event"),
    [
        (0, one(ARCHIVED, A, 2)),
        (0, one(ARCHIVED, replace(ARCHIVED_A, title="other"), 2)),
        (1, one(SNOOZED, replace(SNOOZED_B, read_at="t1"), 1)),
        (2, one(RETURNED, replace(B, returned_rank=""), 2)),
        (2, one(RETURNED, replace(RETURNED_B, pinned=True), 2)),
        (5, one(PINNED, C, 3)),
        (5, one(EDITED, replace(C, type="other"), 3)),
    ],
    ids=["not moved", "title", "read", "not to the top", "pinned", "not pinned", "type"],
)
def test_a_change_of_anything_else_is_found(at: int, event: EventContent) -> None:
    assert Wrong.GARBLED in found(inbox([*MOVES[:at], event]))


def test_rows_and_counts_of_other_folders_are_compared() -> None:
    archived = inbox(MOVES[:1])
    assert found(archived) == []
    assert found(replace(archived, elsewhere={"archive": [], "snoozed": []})) == [Wrong.LIST]
    wrong = ((2, 1, 0), (2, 0, 0))
    assert found(replace(archived, folder_counts=wrong)) == [Wrong.MISCOUNTED]


def test_a_json_client_is_sent_what_leaves_its_list_and_comes_back() -> None:
    at = inbox(MOVES)
    left = Segment([(DELETED, 11), (DELETED, 12), (ADDED, 12)], digest_of({12: False, 13: False}))
    # For the last move, it gets a new list.
    last = Segment([], at.digest)
    assert found(at, originals=[Original("o", USER, [left, last])]) == []
    lost = replace(left, messages=[(DELETED, 11), (ADDED, 12)])
    assert found(at, originals=[Original("o", USER, [lost, last])]) == [Wrong.NOT_THE_LOG]


def test_what_a_writer_has_moved_is_looked_up() -> None:
    at = inbox(MOVES)
    moved = Claim("w", USER, ARCHIVED, COMMITTED, notification_id=11, sequence=4)
    assert found(at, moved) == []
    assert found(at, replace(moved, notification_id=13)) == [Wrong.FORGOTTEN]
    assert found(at, replace(moved, sequence=5)) == [Wrong.FORGOTTEN]
    seen = Claim("w", USER, SEEN, COMMITTED, sequence=7)
    assert found(at, seen) == []
    assert found(at, replace(seen, sequence=8)) == [Wrong.FORGOTTEN]


def test_what_was_scheduled_comes_and_what_was_cancelled_does_not() -> None:
    at = inbox([])
    later = Claim("w", USER, ADDED, SCHEDULED, title="later")
    assert found(at, later) == [Wrong.FORGOTTEN]
    assert found(replace(at, pending={"later"}), later) == []
    assert found(at, replace(later, title="a")) == []
    assert found(at, replace(later, outcome=CANCELLED)) == []
    assert found(at, replace(later, outcome=CANCELLED, title="a")) == [Wrong.NOT_UNDONE]


# -- undoing ---------------------------------------------------------------------------------------------

DELETION = several(MANY_DELETED, [12, 11], 1)
RESTORATION = [one(RESTORED, B, 2), one(RESTORED, A, 3)]
ARCHIVING = several(MANY_ARCHIVED, [13, 11], 1)
READING = several(MANY_READ, [13, 11], 1)
ALL = EventContent(ALL_READ, 13, 0, number=3, occurred_at="t1")
GOOD = {
    "deleted": [DELETION, *RESTORATION],
    "archived": [ARCHIVING, one(UNARCHIVED, C, 2), one(UNARCHIVED, A, 3)],
    "read": [READING, one(UNREAD, C, 2), one(UNREAD, A, 3)],
    "all read": [ALL, one(UNREAD, C, 1), one(UNREAD, B, 2), one(UNREAD, A, 3)],
}


def undone(events: Sequence[EventContent], **changes: Any) -> Claim:
    """Return the claim that the last events have undone the first one."""
    last, number = len(ADDED_ALL) + len(events), len(events) - 1
    claim = Claim("w", USER, UNDONE, COMMITTED, sequence=last, number=number, undoes=4)
    return replace(claim, **changes)


@pytest.mark.parametrize("name", GOOD)
def test_what_was_undone_exactly_passes(name: str) -> None:
    assert found(inbox(GOOD[name]), undone(GOOD[name])) == []


@pytest.mark.parametrize("name", GOOD)
def test_what_was_not_undone_is_found(name: str) -> None:
    events = GOOD[name][:-1]
    assert found(inbox(events), undone(events)) == [Wrong.UNDONE_WRONG]


def test_what_was_undone_and_had_not_been_changed_is_found() -> None:
    events = [READING, one(UNREAD, C, 2), one(UNREAD, A, 3), one(UNREAD, B, 3)]
    assert Wrong.UNDONE_WRONG in found(inbox(events), undone(events))


def test_what_is_not_as_it_was_is_found() -> None:
    read = replace(A, read_at="t1")
    events = [DELETION, RESTORATION[0], one(RESTORED, read, 2)]
    assert Wrong.UNDONE_WRONG in found(inbox(events), undone(events))


def test_what_was_changed_meanwhile_may_stay_as_it_is() -> None:
    events = [READING, one(UNREAD, A, 2), one(UNREAD, C, 3)]
    claim = undone(events, number=1)
    assert found(inbox(events), claim) == []
