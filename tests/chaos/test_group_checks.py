"""What the checker finds wrong with groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.chaos.checker import Wrong, check
from tests.chaos.group_checks import group_differences
from tests.chaos.history import (
    ADDED,
    ARCHIVED,
    COMMITTED,
    DELETED,
    GROUPED,
    RESTORED,
    UNDONE,
    UNGROUPED,
    Claim,
    EpochLog,
    EventContent,
    Inbox,
    Notification,
)

pytestmark = pytest.mark.stack("embedded")

ANA, BO = '{"name":"Ana"}', '{"name":"Bo"}'


def of_group(id: int, actor: str, **more: object) -> Notification:
    title = f"n{id}"
    row = Notification(id, "general", title, "text", "", "{}", "", "t0", "", "", actor=actor)
    return replace(row, group_key="post 7", **more)  # type: ignore[arg-type]


def event(what: str, shown: Notification, unread: int = 1) -> EventContent:
    return EventContent(what, shown.id, unread, shown.title, notification=shown, occurred_at="t0")


def deleted(id: int, unread: int) -> EventContent:
    return EventContent(DELETED, id, unread, occurred_at="t1")


A = of_group(11, ANA)
B = of_group(12, BO, group_count=2, group_actors=f"[{ANA}]")
C = of_group(13, BO, group_count=3, group_actors=f"[{ANA}]")
GROUP = [
    event(ADDED, A),
    event(ADDED, B, unread=2),
    event(GROUPED, replace(A, folder="grouped")),
    event(ADDED, C, unread=2),
    event(GROUPED, replace(B, folder="grouped")),
]


def found(events: Sequence[EventContent]) -> list[str]:
    return list(group_differences(events, Counter()))


def test_repeats_fold_over_the_newest_of_their_group() -> None:
    assert found(GROUP) == []


def test_what_left_the_inbox_begins_no_group() -> None:
    archived = event(ARCHIVED, replace(A, folder="archive"), unread=0)
    alone = replace(B, group_count=1, group_actors="null")
    assert found([event(ADDED, A), archived, event(ADDED, alone)]) == []


def test_a_pin_goes_to_what_is_shown() -> None:
    pinned = replace(A, pinned=True)
    folded = event(GROUPED, replace(A, folder="grouped"))
    assert found([event(ADDED, pinned), event(ADDED, replace(B, pinned=True)), folded]) == [
        "1: pinned: True"
    ]
    assert found([event(ADDED, pinned), event(ADDED, B), folded])[1:] == ["2: pinned: False"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (GROUP[:4], ["4: 12 had to be folded"]),
        ([*GROUP[:2], GROUP[3]], ["3: added 13, 11 had to be folded", "3: 12 had to be folded"]),
        ([GROUP[0], GROUP[2]], ["2: grouped 11, nothing had to be folded"]),
        (
            [GROUP[0], event(ADDED, replace(B, group_count=3)), GROUP[2]],
            ["2: a group of 3, not 2"],
        ),
        (
            [GROUP[0], event(ADDED, replace(B, group_actors=f"[{BO}]")), GROUP[2]],
            ["2: the actors " + f"[{BO}]" + ", not [{'name': 'Ana'}]"],
        ),
    ],
    ids=["not folded at the end", "not folded", "folded by nothing", "count", "actors"],
)
def test_what_is_wrong_with_a_group_is_found(
    events: Sequence[EventContent], expected: list[str]
) -> None:
    assert found(events) == expected


def wrong(events: Sequence[EventContent], number: int) -> list[Wrong]:
    """Return what is wrong with an inbox in which the deletion up to event 8 was undone."""
    log = EpochLog("e", [*GROUP, *events])
    rows = log.list_at(len(log.events)) or []
    listed, state = {each.id: bool(each.read_at) for each in rows}, log.states[-1]
    sent = [Claim("w", 7, ADDED, COMMITTED, title=each) for each in ("n11", "n12", "n13")]
    undo = Claim("w", 7, UNDONE, COMMITTED, sequence=len(log.events), number=number, undoes=8)
    inbox = Inbox([log], listed, state.unread, state.total, rows)
    return [each.wrong for each in check({7: inbox}, [*sent, undo], [], [])]


GONE = [deleted(12, 1), deleted(11, 1), deleted(13, 0)]
FOLDED = [replace(each, folder="grouped") for each in (A, B)]


def test_a_group_is_deleted_and_restored_as_one() -> None:
    back = [event(RESTORED, each, unread=0) for each in FOLDED]
    assert wrong([*GONE, *back, event(RESTORED, C)], 3) == []


def test_one_that_stays_away_is_found() -> None:
    back = [event(RESTORED, FOLDED[0], unread=0), event(RESTORED, C)]
    assert wrong([*GONE, *back], 2) == [Wrong.UNDONE_WRONG]


def test_what_takes_the_place_of_another_is_shown_again() -> None:
    log = EpochLog("e", [*GROUP, deleted(13, 0), event(UNGROUPED, B)])
    assert log.list_at(7) == [B]
    assert log.list_at(7, "grouped") == [FOLDED[0]]
