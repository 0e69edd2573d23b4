"""Relay's arguments, as literals and against a list that a model of it cuts up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox import services
from live_inbox.errors import InvalidInput
from live_inbox.identity.callers import Caller
from live_inbox_graphql.context import Context
from live_inbox_graphql.cursors import encode
from live_inbox_graphql.pagination import Window, window
from tests.graphql.own_schema import schema


def ask(**arguments: Any) -> Window:
    given: dict[str, Any] = {"first": None, "after": None, "last": None, "before": None}
    return window(**(given | arguments))


def test_without_arguments_it_is_the_newest_20() -> None:
    assert ask() == Window(limit=20, older_than=None, newer_than=None, from_oldest=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"first": 1}, Window(1, None, None, from_oldest=False)),
        ({"first": 100, "after": encode(9)}, Window(100, 9, None, from_oldest=False)),
        ({"last": 5}, Window(5, None, None, from_oldest=True)),
        ({"last": 5, "before": encode(9)}, Window(5, None, 9, from_oldest=True)),
        ({"before": encode(9)}, Window(20, None, 9, from_oldest=False)),
        ({"first": 2, "after": encode(9), "before": encode(3)}, Window(2, 9, 3, from_oldest=False)),
    ],
)
def test_arguments_make_a_window(arguments: dict[str, Any], expected: Window) -> None:
    assert ask(**arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"first": 0}, "first"),
        ({"first": -1}, "first"),
        ({"first": 101}, "first"),
        ({"last": 0}, "last"),
        ({"last": 101}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"after": "x"}, "after"),
        ({"before": ""}, "before"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask(**arguments)
    assert caught.value.field == field


@dataclass(frozen=True)
class Row:
    """A notification, as far as lists are concerned."""

    id: int
    type: str
    read: bool


@pytest.fixture
def rows(alice: User) -> list[Row]:
    """Fourteen notifications of three types, some read, two of them deleted; newest first."""
    kept = []
    for number in range(14):
        type = ("general", "approval", "billing")[number % 3]
        sent = services.send(recipient_id=alice.pk, title=str(number), type=type)
        assert sent.notification is not None
        kept.append(Row(sent.notification.pk, type, number % 4 == 0))
        if kept[-1].read:
            services.mark_read(user_id=alice.pk, notification_id=kept[-1].id)
    for row in (kept[5], kept[8]):
        services.delete(user_id=alice.pk, notification_id=row.id)
        kept.remove(row)
    return kept[::-1]


QUERY = """
query($first: Int, $after: String, $last: Int, $before: String, $filter: NotificationFilter) {
  notifications(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
    nodes { id type read }
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount unreadCount
  }
}
"""


def cut(rows: list[Row], arguments: dict[str, Any], after: int | None, before: int | None) -> Any:
    """Return the page that Relay's algorithm makes of a list that is held in memory."""
    filter = arguments["filter"] or {}
    types, read = filter.get("types"), filter.get("read")
    matching = [row for row in rows if types is None or row.type in types]
    matching = [row for row in matching if read is None or row.read == read]
    stretch = [row for row in matching if after is None or row.id < after]
    stretch = [row for row in stretch if before is None or row.id > before]
    first, last = arguments["first"], arguments["last"]
    page = stretch[-last:] if last is not None else stretch[: 20 if first is None else first]
    newer = [row for row in matching if after is not None and row.id >= after]
    older = [row for row in matching if before is not None and row.id <= before]
    is_cut = len(page) < len(stretch)
    cursors = [encode(row.id) for row in page]
    return {
        "nodes": [{"id": str(row.id), "type": row.type, "read": row.read} for row in page],
        "edges": [
            {"cursor": cursor, "node": {"id": str(row.id)}}
            for cursor, row in zip(cursors, page, strict=True)
        ],
        "pageInfo": {
            "hasNextPage": bool(older) or (is_cut and last is None),
            "hasPreviousPage": bool(newer) or (is_cut and last is not None),
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
        "totalCount": len(rows),
        "unreadCount": len([row for row in rows if not row.read]),
    }


FILTERS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "types": st.none()
        | st.lists(st.sampled_from(["general", "approval", "billing", "none"]), max_size=4),
        "read": st.none() | st.booleans(),
    },
)
COUNTS = st.one_of(
    st.tuples(st.none() | st.integers(1, 16), st.none()),
    st.tuples(st.none(), st.integers(1, 16)),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=COUNTS, filter=FILTERS, data=st.data())
def test_pages_are_cut_as_relay_defines(
    rows: list[Row],
    alice: User,
    counts: tuple[int | None, int | None],
    filter: dict[str, Any] | None,
    data: st.DataObject,
) -> None:
    # Cursors of notifications that are there, that were deleted, and that never were.
    places = st.none() | st.integers(max(1, rows[-1].id - 1), rows[0].id + 2)
    after, before = data.draw(places, "after"), data.draw(places, "before")
    arguments = {
        "first": counts[0],
        "last": counts[1],
        "after": None if after is None else encode(after),
        "before": None if before is None else encode(before),
        "filter": filter,
    }
    asking = schema.execute(QUERY, arguments, context_value=Context(Caller(alice)))
    result = asyncio.run(asking)
    assert result.errors is None
    assert result.data == {"notifications": cut(rows, arguments, after, before)}


@pytest.mark.parametrize(
    "words",
    [
        ("first", "after", "endCursor", "hasNextPage"),
        ("last", "before", "startCursor", "hasPreviousPage"),
    ],
)
async def test_walking_in_either_direction_meets_each_notification_once(
    rows: list[Row], alice: User, words: tuple[str, str, str, str]
) -> None:
    met = await walk(alice, *words)
    assert sorted(met, key=int, reverse=True) == [str(row.id) for row in rows]


async def walk(user: User, count: str, cursor: str, end: str, more: str) -> list[str]:
    """Collect the whole list in pages of five."""
    met: list[str] = []
    arguments: dict[str, Any] = {count: 5}
    while True:
        result = await schema.execute(QUERY, arguments, context_value=Context(Caller(user)))
        assert result.data is not None
        page = result.data["notifications"]
        met += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"][more]:
            return met
        arguments[cursor] = page["pageInfo"][end]
