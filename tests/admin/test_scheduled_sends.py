"""The admin of scheduled sends, and the form that schedules them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import services
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.models import Notification, ScheduledSend
from tests.admin.conftest import MakeStaff

LIST = "/admin/live_inbox/scheduledsend/"
ADD = "/admin/live_inbox/notification/add/"
LATER = datetime(2124, 5, 1, 12, 30, tzinfo=UTC)


def schedule(user: User, title: str = "later", **more: Any) -> ScheduledSend:
    given = {"deliver_at": timedelta(days=1)} | more
    row = services.send(recipient_id=user.pk, title=title, **given).scheduled
    assert row is not None
    return row


def cancel(browser: Client, *rows: ScheduledSend, **more: str) -> Any:
    chosen = [str(row.pk) for row in rows]
    data = {"action": "cancel", "_selected_action": chosen, **more}
    return browser.post(LIST, data, follow=True)


def test_the_list_shows_what_comes_next(browser: Client, alice: User, bob: User) -> None:
    schedule(alice, "second", deliver_at=timedelta(days=2), sender_id=bob.pk)
    schedule(alice, "first", data={"order": 7})
    assert [str(row) for row in browser.get(LIST).context["cl"].result_list] == ["first", "second"]
    assert len(browser.get(f"{LIST}?q=alice").context["cl"].result_list) == 2
    assert len(browser.get(f"{LIST}?q=bob").context["cl"].result_list) == 0
    row = ScheduledSend.objects.order_by("deliver_at").first()
    assert row is not None
    shown = browser.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "&quot;order&quot;: 7" in shown
    assert browser.post(f"{LIST}{row.pk}/change/", {"deliver_at": "x"}).status_code == 403


def test_selected_ones_are_cancelled_after_confirmation(browser: Client, alice: User) -> None:
    kept, wrong = schedule(alice, "kept"), schedule(alice, "wrong")
    assert "wrong" in cancel(browser, wrong).content.decode()
    assert ScheduledSend.objects.count() == 2
    assert "Cancelled 1 send." in cancel(browser, wrong, agreed="yes").content.decode()
    assert ScheduledSend.objects.get() == kept
    assert LogEntry.objects.get().object_repr == f"Scheduled send {wrong.pk}"


def test_who_may_not_send_cannot_cancel(staff: MakeStaff, alice: User) -> None:
    row = schedule(alice)
    cancel(staff("view_scheduledsend"), row, agreed="yes")
    assert ScheduledSend.objects.get() == row


def test_the_list_costs_the_same_at_any_length(browser: Client, alice: User, bob: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    schedule(alice, sender_id=bob.pk)
    browser.get(LIST)
    few = cost()
    for number in range(5):
        schedule(User.objects.create_user(f"u{number}"), sender_id=bob.pk)
    assert cost() == few


@pytest.mark.parametrize("many", [False, True])
def test_the_form_sends_later(browser: Client, alice: User, bob: User, many: bool) -> None:
    recipients = [alice.pk, bob.pk] if many else [alice.pk]
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    form = {
        "recipients": [str(key) for key in recipients],
        "type": "general",
        "title": "later",
        "token": "t",
        "deliver_at_0": later.strftime("%Y-%m-%d"),
        "deliver_at_1": later.strftime("%H:%M:%S"),
    }
    for _ in range(2):
        page = browser.post(ADD, form, follow=True)
        count = "2 users" if many else "1 user"
        assert f"Scheduled for {count}." in page.content.decode()
    assert set(ScheduledSend.objects.values_list("deliver_at", flat=True)) == {later}
    assert deliver_due(now=later) == len(recipients)
    assert Notification.objects.count() == len(recipients)
