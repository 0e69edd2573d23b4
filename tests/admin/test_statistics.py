"""The page of delivery statistics: what it counts, for whom, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

import live_inbox
from live_inbox import services
from live_inbox.listing.filters import ListFilter
from live_inbox.maintenance.expiry import expire_due
from live_inbox.models import InboxEvent, SuppressedSend
from live_inbox.selectors import Reception, statistics
from live_inbox.selectors.statistics import Day, TypeCounts
from tests.admin.conftest import MakeStaff
from tests.domain.query_counting import queries

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""When everything happened, in the tests of days: near midnight, one day would become two."""

PAGE = "/admin/live_inbox/notification/statistics/"


def send(user: User, type: str = "general", **content: Any) -> int:
    sent = live_inbox.send(recipient=user, title="x", type=type, **content)
    assert sent.notification is not None
    return sent.notification.pk


@pytest.fixture
def _history(alice: User, bob: User) -> None:
    """Six notifications: three are read, two more are seen, one is deleted, one has expired. Three are suppressed."""
    ends = timezone.now() + timedelta(hours=1)
    first = send(alice, "news")
    send(alice, "news", expires_at=ends)
    deleted = send(alice)
    live_inbox.mark_read(user=alice, notification_id=first)
    live_inbox.mark_seen(user=alice)
    live_inbox.delete(user=alice, notification_id=deleted)
    expire_due(now=ends)
    for _ in range(2):
        send(bob)
    live_inbox.mark_all_read(user=bob)
    send(bob, "news")
    for user in (alice, bob):
        services.set_preference(user_id=user.pk, type="offers", enabled=False)
    services.set_preference(user_id=bob.pk, type="news", enabled=False)
    live_inbox.send_many(recipients=[alice, bob], title="x", type="offers")
    assert live_inbox.send(recipient=bob, title="x", type="news").suppressed
    all_happened_at_noon()


def all_happened_at_noon() -> None:
    InboxEvent.objects.update(created_at=NOON)
    SuppressedSend.objects.update(created_at=NOON)


@pytest.mark.usefixtures("_history")
def test_by_day() -> None:
    (today,) = statistics.by_day(now=NOON)
    # Seen by opening the list: the two that were unread then. Reading is counted for itself.
    assert today == Day(today.date, sent=6, suppressed=3, seen=2, read=3, deleted=2)


def test_what_is_changed_at_once_and_what_is_recalled_counts_as_well(alice: User) -> None:
    for _ in range(3):
        send(alice)
    services.mark_all_read_of(user_id=alice.pk, filter=ListFilter(types=frozenset({"general"})))
    services.delete_all(user_id=alice.pk)
    assert services.recall(notification_id=send(alice))
    all_happened_at_noon()
    (today,) = statistics.by_day(now=NOON)
    assert (today.sent, today.read, today.deleted) == (4, 3, 4)


@pytest.mark.usefixtures("_history")
def test_days_are_apart_and_old_ones_are_left_out(alice: User) -> None:
    added = InboxEvent.objects.filter(kind="added").order_by("pk").values_list("pk", flat=True)
    InboxEvent.objects.filter(pk=added[0]).update(created_at=NOON - timedelta(days=1))
    InboxEvent.objects.filter(pk=added[1]).update(created_at=NOON - timedelta(days=15))
    today, yesterday = statistics.by_day(now=NOON)
    assert (today.sent, yesterday.sent) == (4, 1)
    assert today.date - yesterday.date == timedelta(days=1)


@pytest.mark.usefixtures("_history")
def test_by_type() -> None:
    assert statistics.by_type() == [
        TypeCounts("news", sent=2, suppressed=1, seen=1, read=1),
        TypeCounts("general", sent=2, suppressed=0, seen=2, read=2),
        TypeCounts("offers", sent=0, suppressed=2, seen=0, read=0),
    ]


@pytest.mark.usefixtures("_history")
def test_only_the_newest_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MOST_ROWS", 1)
    assert statistics.by_type() == [TypeCounts("news", sent=1, suppressed=1, seen=0, read=0)]
    (today,) = statistics.by_day(now=NOON)
    assert (today.sent, today.suppressed, today.read) == (1, 1, 0)


def test_a_day_on_which_everything_was_suppressed(alice: User) -> None:
    services.set_preference(user_id=alice.pk, type="news", enabled=False)
    send(alice)
    all_happened_at_noon()
    for days in (1, 15):
        services.send(
            recipient_id=alice.pk, title="x", type="news", now=NOON - timedelta(days=days)
        )
    today, yesterday = statistics.by_day(now=NOON)
    assert (today.sent, today.suppressed) == (1, 0)
    day = today.date - timedelta(days=1)
    assert yesterday == Day(day, sent=0, suppressed=1, seen=0, read=0, deleted=0)


@pytest.mark.usefixtures("_history")
def test_the_page_has_a_column_of_what_is_suppressed(browser: Client) -> None:
    page = browser.get(PAGE).content.decode()
    assert page.count('<th scope="col">Type turned off</th>') == 3
    assert "<td>offers</td><td>0</td><td>2</td><td>0</td><td>0</td>" in page


def test_by_campaign(browser: Client, alice: User, bob: User) -> None:
    services.set_preference(user_id=bob.pk, type="general", enabled=False)
    campaign = live_inbox.start_campaign(everybody=True, title="<b>To all")
    live_inbox.run_campaign(campaign.id)
    live_inbox.mark_all_read(user=alice)
    live_inbox.send_many(recipients=[alice, bob], title="y", idempotency_key="by key")
    by_key, found = statistics.by_campaign()
    assert (by_key.title, by_key.campaign.suppressed, by_key.reception.read) == ("y", 1, 0)
    assert (found.campaign.sent, found.reception) == (2, Reception(1, 1, is_exact=True))
    page = browser.get(PAGE).content.decode()
    assert "&lt;b&gt;To all</a>" in page
    assert f'href="/admin/live_inbox/bulksend/{campaign.id}/change/"' in page


def test_the_page_costs_the_same_at_any_number(browser: Client, alice: User) -> None:
    def cost() -> int:
        with queries() as statements:
            assert browser.get(PAGE).status_code == 200
        return len(statements)

    def send_to_all(type: str) -> None:
        campaign = live_inbox.start_campaign(everybody=True, title="x", type=type)
        live_inbox.run_campaign(campaign.id)

    send_to_all("first")
    few = cost()
    for number in range(4):
        send_to_all(f"t{number}")
    assert cost() == few


def test_it_is_linked_and_needs_the_permissions(browser: Client, staff: MakeStaff) -> None:
    assert f'href="{PAGE}"' in browser.get("/admin/live_inbox/notification/").content.decode()
    clerk = staff("view_notification")
    page = clerk.get(PAGE)
    assert page.status_code == 200
    assert "By campaign" not in page.content.decode()
    User.objects.get(username="clerk").user_permissions.clear()
    assert clerk.get(PAGE).status_code == 403
