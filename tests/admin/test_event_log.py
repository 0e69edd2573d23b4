"""The admin of the event log."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from live_inbox import services
from live_inbox.admin.paginator import AtLeast, CappedPaginator
from live_inbox.models import InboxEvent
from tests.admin.conftest import MakeStaff

LIST = "/admin/live_inbox/inboxevent/"


@pytest.fixture(autouse=True)
def _events(alice: User, bob: User) -> None:
    services.send(recipient_id=alice.pk, title="Hello", data={"order": 7})
    services.send(recipient_id=bob.pk, title="x")
    services.mark_all_read(user_id=alice.pk)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [("alice", "all_read"), ("bob", "added"), ("alice", "added")]),
        ("q=alice", [("alice", "all_read"), ("alice", "added")]),
        ("kind__exact=added", [("bob", "added"), ("alice", "added")]),
        ("q=ali", []),
    ],
)
def test_the_list_is_searched_and_filtered(
    browser: Client, query: str, found: list[tuple[str, str]]
) -> None:
    rows = browser.get(f"{LIST}?{query}").context["cl"].result_list

    assert [(row.inbox.user.username, row.kind) for row in rows] == found


def test_the_list_costs_the_same_at_any_length(browser: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    few = cost()
    users = [User.objects.create_user(f"user{number}") for number in range(20)]
    services.send_many(recipient_ids=[user.pk for user in users], title="x")

    assert cost() == few


def test_the_list_is_not_counted_beyond_its_limit(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CappedPaginator, "limit", 2)

    with CaptureQueriesContext(connection) as queries:
        listed = browser.get(LIST).context["cl"]

    assert listed.result_count == 2
    counts = [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 3" in counts[0]


@pytest.mark.parametrize(
    ("limit", "separator", "count", "is_cut"),
    [(3, False, "3", False), (2, False, "2+", True), (2, True, "2", True)],
)
def test_a_count_that_is_cut_says_so(
    browser: Client,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    separator: bool,
    count: str,
    is_cut: bool,
) -> None:
    monkeypatch.setattr(CappedPaginator, "limit", limit)

    with override_settings(USE_THOUSAND_SEPARATOR=separator):
        html = browser.get(LIST).content.decode()

    assert f"\n{count} inbox events" in html
    assert (f"Only the first {limit} are counted and listed." in html) is is_cut


def test_a_large_count_has_its_separators() -> None:
    assert str(AtLeast(10_000)) == "10,000+"


def test_an_event_is_shown_with_its_payload(browser: Client) -> None:
    event = InboxEvent.objects.earliest("pk")

    shown = browser.get(f"{LIST}{event.pk}/change/").content.decode()

    assert "&quot;title&quot;: &quot;Hello&quot;" in shown
    assert "alice" in shown


def test_the_log_cannot_be_changed(browser: Client) -> None:
    event = InboxEvent.objects.earliest("pk")
    before = list(InboxEvent.objects.order_by("pk").values())
    page = f"{LIST}{event.pk}"

    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.post(f"{page}/change/", {"kind": "read"}).status_code == 403
    assert browser.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    browser.post(LIST, {"action": "delete_selected", "_selected_action": event.pk, "post": "yes"})

    assert list(InboxEvent.objects.order_by("pk").values()) == before


def test_viewing_requires_the_permission(staff: MakeStaff) -> None:
    assert staff("view_inbox").get(LIST).status_code == 403
