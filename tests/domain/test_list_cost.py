"""Lists cost the same in an inbox of 100 and of 200,000: rows that are really read, by EXPLAIN.

The large inbox is as hard as it can be for a planner. It holds two thirds of the table, others are newer than all of
it, and what a filter asks for lies together at one end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from live_inbox import selectors, services
from live_inbox.models import Notification
from tests.domain.large_inbox import analyze, fill, without_triggers
from tests.domain.statement_cost import (
    cost,
    instructions,
    plans,
    rows_read,
    rows_read_by,
    statements_of,
)

pytestmark = pytest.mark.django_db

LIMIT = 4
STEPS_OF_A_PAGE = 700
"""Of SQLite's virtual machine, for a part of a list with all columns: more columns take more."""
SMALL, LARGE = 100, 200_000


@dataclass(frozen=True)
class TwoInboxes:
    """A small and a large inbox, and the ids of the large one's tenths, oldest first; likewise of the small."""

    small: User
    large: User
    tenths: dict[int, list[int]]


@pytest.fixture(scope="module")
def inboxes(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[TwoInboxes]:
    with django_db_blocker.unblock(), transaction.atomic():
        users = [User.objects.create_user(name) for name in ("small", "large")]
        with without_triggers():
            for user, size in zip(users, (SMALL, LARGE), strict=True):
                fill(user, size)
            for n in range(50):
                fill(User.objects.create_user(f"other{n}"), 2000)
        tenths = {}
        for user, size in zip(users, (SMALL, LARGE), strict=True):
            ids = Notification.objects.filter(recipient=user).order_by("id")
            tenths[user.pk] = list(ids.values_list("id", flat=True)[:: size // 10])
        analyze()
        yield TwoInboxes(users[0], users[1], tenths)
        transaction.set_rollback(True)


# -- lists ---------------------------------------------------------------------------------------------------

FILTERS: list[tuple[dict[str, Any], int]] = [
    # With the number of parts that the list is made of: each has an index that gives its first rows.
    ({}, 1),
    ({"read": False}, 1),
    ({"read": True}, 1),
    ({"types": ["general"]}, 2),
    ({"types": ["rare"]}, 2),
    ({"types": ["nothing"]}, 2),
    ({"types": ["general", "news"]}, 4),
    ({"types": ["rare", "nothing", "news"]}, 6),
    ({"types": ["news"], "read": False}, 1),
    ({"types": ["general"], "read": False}, 1),
    ({"types": ["general"], "read": True}, 1),
    ({"types": ["rare"], "read": True}, 1),
    ({"types": ["general", "rare"], "read": False}, 2),
]
BOUNDS: list[dict[str, Any]] = [
    {},
    {"from_oldest": True},
    {"older_than": 5},
    {"older_than": 1},
    {"newer_than": 5},
    {"newer_than": 5, "from_oldest": True},
    {"newer_than": 2, "older_than": 8},
]


def page_of(inboxes: TwoInboxes, user: User, arguments: dict[str, Any]) -> Callable[[], object]:
    tenths = inboxes.tenths[user.pk]
    bounds = {
        name: tenths[value] if name.endswith("_than") else value
        for name, value in arguments.items()
    }
    return lambda: selectors.page(user_id=user.pk, limit=LIMIT, **bounds)


@pytest.mark.parametrize(("filter", "parts"), FILTERS, ids=str)
def test_a_page_costs_no_more_than_itself(
    inboxes: TwoInboxes, filter: dict[str, Any], parts: int
) -> None:
    for bounds in BOUNDS:
        beyond = sum(name.endswith("_than") for name in bounds)
        costs = [
            cost(page_of(inboxes, user, {**filter, **bounds}))
            for user in (inboxes.small, inboxes.large)
        ]
        if connection.vendor == "postgresql":
            # Each row is found in an index of its part and then read; one more tells what lies beyond a bound.
            most = 2 * parts * (LIMIT + 1 + beyond)
        else:
            most = STEPS_OF_A_PAGE * (parts + 1) * (1 + beyond)
        assert max(costs) <= most, (bounds, costs)


@pytest.mark.parametrize("read", [None, False, True])
def test_pages_of_several_users_cost_no_more_than_each_alone(
    inboxes: TwoInboxes, read: bool | None
) -> None:
    ids = [inboxes.small.pk, inboxes.large.pk]
    found = cost(lambda: selectors.newest_pages(user_ids=ids, limit=LIMIT, read=read))
    each = 2 * (LIMIT + 1) if connection.vendor == "postgresql" else 2 * STEPS_OF_A_PAGE
    assert found <= each * len(ids)


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        ({}, "notification_list (recipient_id=? AND folder=?)"),
        ({"read": False}, "notification_unread (recipient_id=? AND folder=?)"),
        ({"read": True}, "notification_read (recipient_id=? AND folder=?)"),
        (
            {"types": ["news"], "read": False},
            "notification_type_unread (recipient_id=? AND folder=? AND type=?)",
        ),
        (
            {"types": ["news"], "read": True},
            "notification_type_read (recipient_id=? AND folder=? AND type=?)",
        ),
    ],
)
@pytest.mark.parametrize("from_oldest", [False, True])
def test_each_list_has_an_index_that_gives_its_order(
    inboxes: TwoInboxes, filter: dict[str, Any], index: str, from_oldest: bool
) -> None:
    call = page_of(inboxes, inboxes.large, {**filter, "from_oldest": from_oldest})
    if connection.vendor == "postgresql":
        ((sql, params),) = statements_of(call)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", params)
            plan = "\n".join(line for (line,) in cursor.fetchall())
        backward = "Backward " if from_oldest else ""
        assert f"Index Scan {backward}using {index.split()[0]} on live_inbox_notification" in plan
    else:
        looks = [plan.replace("COVERING ", "") for plan in plans(call)]
        assert f"SEARCH live_inbox_notification USING INDEX {index}" in looks


def test_the_pages_of_the_large_inbox_are_as_full_as_those_of_the_small_one(
    inboxes: TwoInboxes,
) -> None:
    """Without this, the comparison would say little."""
    for filter, _ in FILTERS:
        if filter.get("types") == ["nothing"] or filter == {"types": ["rare"], "read": True}:
            continue
        pages = [
            selectors.page(user_id=user.pk, limit=LIMIT, **filter)
            for user in (inboxes.small, inboxes.large)
        ]
        assert [len(page.notifications) >= 3 for page in pages] == [True, True]


# -- everything else -----------------------------------------------------------------------------------------


def test_counts_cost_no_row_of_the_notifications(inboxes: TwoInboxes) -> None:
    for user, size in ((inboxes.small, SMALL), (inboxes.large, LARGE)):
        state = selectors.inbox_state(user_id=user.pk)
        assert state.total_count == size
        # The oldest tenth, and every 50th of the others.
        assert state.unread_count == size // 10 + size // 50 - size // 500
        (statement,) = statements_of(lambda: selectors.inbox_state(user_id=user.pk))  # noqa: B023
        assert "live_inbox_notification" not in statement[0]


def test_marking_one_and_deleting_one_costs_the_same(inboxes: TwoInboxes) -> None:
    def change(user: User) -> None:
        middle = inboxes.tenths[user.pk][5]
        with transaction.atomic():
            services.mark_read(user_id=user.pk, notification_id=middle)
            services.mark_unread(user_id=user.pk, notification_id=middle)
            services.delete(user_id=user.pk, notification_id=middle)
            transaction.set_rollback(True)

    costs = []
    for user in (inboxes.small, inboxes.large):
        if connection.vendor == "postgresql":
            middle = inboxes.tenths[user.pk][5]
            query = Notification.objects.select_related("sender")
            costs.append(
                rows_read(lambda: query.filter(recipient=user.pk, pk=middle).first())  # noqa: B023
            )
        else:
            costs.append(instructions(lambda: change(user)))  # noqa: B023
    small, large = costs
    assert large == small == 1 if connection.vendor == "postgresql" else large <= small * 1.5


def test_marking_all_read_finds_the_newest_unread_one_at_once(inboxes: TwoInboxes) -> None:
    """What it costs beside is bounded by what is unread: each of these is written."""
    for user in (inboxes.small, inboxes.large):
        statements: list[tuple[str, Any]] = []
        with transaction.atomic():
            statements += statements_of(lambda: services.mark_all_read(user_id=user.pk))  # noqa: B023
            transaction.set_rollback(True)
        # The inbox, the newest unread one; then the writing.
        sql, params = statements[1]
        assert sql.startswith("SELECT")

        def look_again(sql: str = sql, params: Any = params) -> None:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
                cursor.fetchall()

        # The first time, SQLite's machine may have the schema to read.
        look_again()
        assert cost(look_again) <= (1 if connection.vendor == "postgresql" else 50)


def test_marking_all_read_visits_what_is_unread_and_no_more(inboxes: TwoInboxes) -> None:
    """Not what was unread when the database last looked: PostgreSQL keeps it in the index until it tidies up."""

    def mark(user: User) -> list[tuple[str, Any]]:
        with transaction.atomic():
            statements = statements_of(lambda: services.mark_all_read(user_id=user.pk))
            transaction.set_rollback(True)
        return [each for each in statements if each[0].startswith('UPDATE "live_inbox_notif')]

    for user in (inboxes.small, inboxes.large):
        with transaction.atomic():
            services.mark_all_read(user_id=user.pk)
            for n in range(3):
                services.send(recipient_id=user.pk, title=f"n{n}")
            ((sql, params),) = mark(user)
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"EXPLAIN {sql}", params)
                    plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Index Scan using notification_unread" in plan
                assert "Bitmap" not in plan
                # Each is found in the index and then written.
                assert rows_read_by([(sql, params)]) <= 3 + 3
            else:
                assert instructions(lambda: mark(user)) <= 2000  # noqa: B023
            transaction.set_rollback(True)
