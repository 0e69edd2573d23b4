"""A page costs no more than itself with every filter, however large the inbox. Counted, never timed.

Within the tests, a page of each combination of conditions in inboxes of 100 and of 50,000. `python -m tests.list_cost`
reads every page, in an inbox of a million.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from pytest_django.plugin import DjangoDbBlocker

from tests.list_cost.inboxes import MeasuredInbox, measured_inboxes
from tests.list_cost.page_cost import PageCost, cost_of_page, most_of
from tests.list_cost.pages import LIMIT, a_page_of_each_filter, every_page

pytestmark = pytest.mark.django_db

GIVEN = os.environ.get("LIST_COST_ROWS", "")
"""The sizes of a long run."""
SIZES = [int(size) for size in (GIVEN or "100,50000").split(",")]


@pytest.fixture(scope="module")
def inboxes(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[list[MeasuredInbox]]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield measured_inboxes(SIZES)
        transaction.set_rollback(True)


def test_a_page_costs_no_more_than_itself_with_every_filter(inboxes: list[MeasuredInbox]) -> None:
    highest: dict[tuple[str, int], PageCost] = {}
    pages: Counter[str] = Counter()
    too_much: list[str] = []
    for page in every_page() if GIVEN else a_page_of_each_filter():
        pages[page.found_by] += 1
        for inbox in inboxes:
            cost = cost_of_page(page, inbox)
            key = page.found_by, inbox.size
            highest[key] = highest.get(key, PageCost()).highest(cost)
            if cost.exceeds(most_of(page)):
                too_much.append(f"{page} of {inbox.size}: {cost}, not {most_of(page)}")
    for (found_by, size), cost in sorted(highest.items()):
        print(f"{connection.vendor} {found_by} ({pages[found_by]} pages), {size} rows: {cost}")
    assert not too_much, f"{len(too_much)} pages: " + "\n".join(too_much[:20])
    # Without this, an inbox with nothing in it would do.
    assert set(pages) == {"index", "examined", "pinned"}


@pytest.mark.parametrize("found_by", ["index", "examined", "pinned"])
def test_pages_of_the_largest_inbox_are_full(inboxes: list[MeasuredInbox], found_by: str) -> None:
    largest = max(inboxes, key=lambda inbox: inbox.size)
    pages = [page for page in a_page_of_each_filter() if page.found_by == found_by]
    found = [len(page.read(largest).notifications) for page in pages]
    assert max(found) == LIMIT
    assert sum(map(bool, found)) >= 20
