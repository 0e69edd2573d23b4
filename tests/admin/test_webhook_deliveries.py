"""The admin of deliveries to the webhook of actions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox.models import WebhookDelivery
from tests.admin.conftest import MakeStaff

LIST = "/admin/live_inbox/webhookdelivery/"
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def delivery(name: str, **columns: Any) -> WebhookDelivery:
    given = {"next_attempt_at": NOON, "attempts": 3, "last_error": "HTTP status 500"} | columns
    return WebhookDelivery.objects.create(
        message_id=name,
        notification_id=7,
        body='{"type":"notification.action_performed","data":{"action_id":"<b>"}}',
        created_at=NOON,
        **given,
    )


def failure(name: str) -> WebhookDelivery:
    return delivery(name, next_attempt_at=None, failed_at=NOON, attempts=15)


def again(browser: Client, *rows: WebhookDelivery) -> str:
    chosen = [str(row.pk) for row in rows]
    data = {"action": "attempt_again", "_selected_action": chosen}
    return str(browser.post(LIST, data, follow=True).content.decode())


def listed(browser: Client, query: str = "") -> list[str]:
    return [str(row) for row in browser.get(LIST + query).context["cl"].result_list]


def test_the_list_shows_what_waits_and_what_has_failed(browser: Client) -> None:
    waiting, failed = delivery("msg_1"), failure("msg_2")
    assert listed(browser) == ["msg_2", "msg_1"]
    assert listed(browser, "?failed_at__isempty=0") == ["msg_2"]
    assert listed(browser, "?q=msg_1") == ["msg_1"]
    assert listed(browser, "?q=7") == ["msg_2", "msg_1"]
    assert listed(browser, "?q=8") == []
    page = browser.get(f"{LIST}{failed.pk}/change/").content.decode()
    assert "&quot;action_id&quot;: &quot;&lt;b&gt;&quot;" in page
    assert "HTTP status 500" in page
    assert browser.post(f"{LIST}{waiting.pk}/change/", {"attempts": "0"}).status_code == 403
    assert browser.post(f"{LIST}{waiting.pk}/delete/", {"post": "yes"}).status_code == 403


def test_failures_are_delivered_again(browser: Client) -> None:
    waiting, failed, other = delivery("msg_1"), failure("msg_2"), failure("msg_3")
    assert "1 failure will be delivered again." in again(browser, waiting, failed)
    for row in (waiting, failed, other):
        row.refresh_from_db()
    assert (waiting.attempts, waiting.next_attempt_at) == (3, NOON)
    assert (failed.attempts, failed.failed_at) == (0, None)
    assert failed.next_attempt_at is not None
    assert other.failed_at == NOON
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(failed.pk), "Delivered again.")


def test_it_takes_a_permission(staff: MakeStaff) -> None:
    failed = failure("msg_1")
    viewer = staff("view_webhookdelivery")
    assert listed(viewer) == ["msg_1"]
    again(viewer, failed)
    failed.refresh_from_db()
    assert failed.failed_at == NOON
    assert not LogEntry.objects.exists()


def test_the_list_costs_the_same_at_any_length(browser: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    failure("msg_0")
    one = cost()
    for number in range(1, 30):
        failure(f"msg_{number}")
    assert cost() == one
