"""Filtered lists cost the same in an inbox of 100 and of 60,000, in every folder: rows that are really read.

As in `test_list_cost`. `tests.list_cost` has every combination of conditions, and a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from live_inbox import selectors
from live_inbox.events import Folder
from live_inbox.listing import list_statements
from live_inbox.models import Inbox, Notification
from live_inbox.selectors import counts_by_type
from tests.domain.large_inbox import analyze, fill, without_triggers
from tests.domain.statement_cost import cost, plans, statements_of
from tests.domain.test_list_cost import STEPS_OF_A_PAGE

pytestmark = pytest.mark.django_db

LIMIT = 4
SMALL, LARGE = 100, 60_000
EXAMINED = 50
"""Fewer than lists look at usually, so that it is less than what there is."""

USERS = ("small", "large")
User_ = tuple[User, list[int]]


@pytest.fixture(scope="module")
def users(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, User_]]:
    """Give a small and a large inbox with as many in each folder; and the ids of the tenths of the list."""
    columns = (
        "recipient_id, type, title, message, link, data, created_at, read_at, added_sequence, priority, pinned, icon,"
        " format, group_count"
    )
    with django_db_blocker.unblock(), transaction.atomic():
        found = {name: User.objects.create_user(name) for name in USERS}
        with without_triggers(), connection.cursor() as cursor:
            for name, size in zip(USERS, (SMALL, LARGE), strict=True):
                fill(found[name], size)
            for n in range(20):
                fill(User.objects.create_user(f"other{n}"), 2000)
            # What is rare lies together at the far end.
            cursor.execute(
                "UPDATE live_inbox_notification SET title = 'a needle', priority = 'urgent' WHERE type = 'rare'"
            )
            cursor.execute(
                "UPDATE live_inbox_notification SET priority = 'high' WHERE added_sequence % 7 = 0"
            )
            for folder in (Folder.ARCHIVE, Folder.SNOOZED):
                cursor.execute(
                    f"INSERT INTO live_inbox_notification ({columns}, folder)"
                    f" SELECT {columns}, '{folder.value}' FROM live_inbox_notification"
                    " WHERE folder = 'inbox' ORDER BY id"
                )
        inboxes = {}
        for name, user in found.items():
            ids = Notification.objects.filter(recipient=user, folder="inbox").order_by("id")
            tenths = list(ids.values_list("id", flat=True)[:: len(ids) // 10])
            # The older half has been seen.
            Inbox.objects.filter(pk=user.pk).update(seen_through=tenths[5])
            inboxes[name] = user, tenths
        analyze()
        yield inboxes
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def few_are_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_statements, "EXAMINED", EXAMINED)


EXACT: list[tuple[dict[str, Any], int]] = [
    # With the number of parts that the list is made of.
    ({}, 1),
    ({"seen": False}, 1),
    ({"seen": True}, 2),
    ({"seen": True, "read": False}, 1),
    ({"seen": False, "types": ["news"]}, 1),
    ({"seen": True, "types": ["general", "rare"]}, 4),
    ({"priorities": ["high"]}, 2),
    ({"priorities": ["high", "urgent"]}, 4),
    ({"priorities": ["low"]}, 2),
    ({"priorities": ["urgent"], "read": False}, 1),
    ({"priorities": ["high"], "read": True}, 1),
    ({"priorities": ["high", "low"], "seen": False}, 2),
    ({"types": ["news"], "read": False}, 1),
    ({"types": ["general"], "read": True}, 1),
]
PINNED: list[dict[str, Any]] = [
    {"pinned": True},
    {"pinned": True, "types": ["general"], "read": True, "priorities": ["normal"], "text": "title"},
]
EXAMINING: list[dict[str, Any]] = [
    {"priorities": ["normal"]},
    {"priorities": ["high"], "types": ["rare", "general"]},
    {"priorities": ["urgent", "normal"], "read": False},
    {"text": "title"},
    {"text": "needle"},
    {"text": "nothing at all"},
    {"text": "needle", "types": ["general", "rare"]},
    {"text": "needle", "priorities": ["high", "urgent"], "seen": True},
]
BOUNDS: list[dict[str, Any]] = [
    {},
    {"from_oldest": True},
    {"older_than": 5},
    {"newer_than": 5, "from_oldest": True},
    {"newer_than": 2, "older_than": 8},
]


def page(user: User_, filter: dict[str, Any], bounds: dict[str, Any]) -> selectors.Page:
    found, tenths = user
    ranks = {
        name: tenths[value] if name.endswith("_than") else value for name, value in bounds.items()
    }
    return selectors.page(user_id=found.pk, limit=LIMIT, **ranks, **filter)


@pytest.mark.parametrize("folder", Folder)
@pytest.mark.parametrize(("filter", "parts"), EXACT, ids=str)
def test_what_an_index_has_costs_no_more_than_the_page(
    users: dict[str, User_], filter: dict[str, Any], parts: int, folder: Folder
) -> None:
    for bounds in BOUNDS:
        beyond = sum(name.endswith("_than") for name in bounds)
        costs = [
            cost(lambda: page(users[name], {**filter, "folder": folder}, bounds))  # noqa: B023
            for name in USERS
        ]
        if connection.vendor == "postgresql":
            most = 2 * parts * (LIMIT + 1 + beyond)
        else:
            most = STEPS_OF_A_PAGE * (parts + 1) * (1 + beyond)
        assert max(costs) <= most, (bounds, costs)


@pytest.mark.parametrize("folder", Folder)
@pytest.mark.parametrize("filter", PINNED, ids=str)
def test_lists_of_pinned_ones_cost_what_is_pinned(
    users: dict[str, User_], filter: dict[str, Any], folder: Folder
) -> None:
    """Each 1000th is, which is more than may be."""
    pinned = LARGE // 1000
    measured = cost(lambda: page(users["large"], {**filter, "folder": folder}, {}))
    assert measured <= (2 * pinned if connection.vendor == "postgresql" else 200 * pinned)


@pytest.mark.parametrize("folder", Folder)
@pytest.mark.parametrize("filter", EXAMINING, ids=str)
def test_what_no_index_has_costs_what_may_be_examined(
    users: dict[str, User_], filter: dict[str, Any], folder: Folder
) -> None:
    for bounds in BOUNDS:
        looks = 1 + sum(name.endswith("_than") for name in bounds)
        costs = [
            cost(lambda: page(users[name], {**filter, "folder": folder}, bounds))  # noqa: B023
            for name in USERS
        ]
        # On PostgreSQL: once to find the last one, and once to look at each; and the page.
        each = 2 * EXAMINED + 4 * LIMIT if connection.vendor == "postgresql" else 80 * EXAMINED
        most = looks * each
        assert max(costs) <= most, (bounds, costs)


def test_a_search_goes_on_where_it_has_stopped(users: dict[str, User_]) -> None:
    """At the cost of as many pages as there are rows to look at: with these numbers, many."""
    first = page(users["small"], {"text": "needle"}, {})
    assert (first.notifications, first.has_older) == ([], True)
    user, tenths = users["small"]
    assert first.oldest_rank == first.examined_to == tenths[5]
    second = selectors.page(user_id=user.pk, limit=9, text="needle", older_than=first.oldest_rank)
    assert [each.title for each in second.notifications] == ["a needle"] * 5
    # That was the last of them, which the search knows only after it has looked at all.
    assert second.examined_to is not None
    third = selectors.page(user_id=user.pk, limit=9, text="needle", older_than=second.oldest_rank)
    assert (third.notifications, third.has_older, third.examined_to) == ([], False, None)


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        ({"priorities": ["high"], "read": False}, "notification_prio_unread"),
        ({"priorities": ["high"], "read": True}, "notification_prio_read"),
        ({"priorities": ["urgent"], "seen": False}, "notification_prio_unread"),
        ({"seen": False}, "notification_unread"),
        ({"pinned": True}, "notification_pinned"),
    ],
)
@pytest.mark.parametrize("folder", Folder)
def test_each_list_has_an_index_that_gives_its_order(
    users: dict[str, User_], filter: dict[str, Any], index: str, folder: Folder
) -> None:
    def call() -> object:
        return page(users["large"], {**filter, "folder": folder}, {})

    if connection.vendor == "postgresql":
        ((sql, params),) = statements_of(call)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", params)
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert f"using {index} on live_inbox_notification" in plan
        assert "Sort  (" not in plan.split("live_inbox_notification")[1]
    else:
        assert any(f"INDEX {index} (recipient_id=? AND folder=?" in plan for plan in plans(call))


def test_counts_by_type_cost_what_they_count_at_most(
    users: dict[str, User_], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts_by_type, "MOST", 50)
    counts_by_type._statement.cache_clear()
    try:
        measured = cost(lambda: selectors.type_counts(user_id=users["large"][0].pk))
    finally:
        counts_by_type._statement.cache_clear()
    # Three types, three numbers of each.
    counted = 3 * 3 * 50
    assert measured <= (2 * counted if connection.vendor == "postgresql" else 40 * counted)
