"""Deleting users deletes their inboxes and changes no others."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import selectors, services
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import (
    Inbox,
    InboxEvent,
    Notification,
    NotificationPreference,
)
from tests.admin.conftest import MakeStaff

LIST = "/admin/auth/user/"


def delete(user: User) -> str:
    return f"{LIST}{user.pk}/delete/"


@pytest.fixture(autouse=True)
def _notifications(alice: User, bob: User) -> None:
    """Alice has three notifications and a preference; she has sent one to bob."""
    for _ in range(3):
        services.send(recipient_id=alice.pk, title="x")
    services.set_preference(user_id=alice.pk, type="report", enabled=False)
    services.send(recipient_id=bob.pk, title="y", sender_id=alice.pk)


def test_deleting_a_user_deletes_the_inbox(browser: Client, alice: User, bob: User) -> None:
    asked = browser.get(delete(alice)).content.decode()
    assert f'User: <a href="{LIST}{alice.pk}/change/">alice</a>' in asked
    for line in ("Notifications: 3", "Inbox events: 3", "Inboxes: 1"):
        assert line in asked

    assert browser.post(delete(alice), {"post": "yes"}).headers["Location"] == LIST

    assert not User.objects.filter(pk=alice.pk).exists()
    assert list(Inbox.objects.values_list("user__username", flat=True)) == ["bob"]
    assert InboxEvent.objects.count() == 1
    assert not NotificationPreference.objects.exists()


def test_notifications_that_the_user_has_sent_stay(browser: Client, alice: User, bob: User) -> None:
    before = selectors.inbox_state(user_id=bob.pk)

    browser.post(delete(alice), {"post": "yes"})

    notification = Notification.objects.get()
    assert (notification.title, notification.sender) == ("y", None)
    assert selectors.inbox_state(user_id=bob.pk) == before
    assert Notification.objects.filter(recipient=bob).count() == before.total_count
    assert list(check_inboxes()) == []


def test_several_users_are_deleted_with_their_inboxes(
    browser: Client, alice: User, bob: User
) -> None:
    form = {"action": "delete_selected", "_selected_action": [alice.pk, bob.pk]}

    assert "Inboxes: 2" in browser.post(LIST, form).content.decode()
    browser.post(LIST, form | {"post": "yes"})

    assert list(User.objects.values_list("username", flat=True)) == ["boss"]
    assert not Inbox.objects.exists()
    assert not Notification.objects.exists()


def test_the_confirmation_page_costs_the_same_at_any_size_of_the_inbox(
    browser: Client, alice: User
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(delete(alice)).status_code == 200
        return len(queries)

    few = cost()
    for _ in range(30):
        services.send(recipient_id=alice.pk, title="x")

    assert cost() == few


def test_a_new_user_with_the_same_key_gets_a_new_epoch(browser: Client, alice: User) -> None:
    old = selectors.inbox_state(user_id=alice.pk).position
    browser.post(delete(alice), {"post": "yes"})

    again = User.objects.create_user("alice again", pk=alice.pk)
    services.send(recipient_id=again.pk, title="x")

    assert selectors.inbox_state(user_id=again.pk).position.epoch != old.epoch


def test_senders_with_the_same_idempotency_key_can_both_be_deleted(
    browser: Client, alice: User, bob: User, boss: User
) -> None:
    for sender in (alice, bob):
        services.send(
            recipient_id=boss.pk, title="x", sender_id=sender.pk, idempotency_key="welcome"
        )

    for sender in (alice, bob):
        browser.post(delete(sender), {"post": "yes"})

    assert Notification.objects.filter(recipient=boss).count() == 2


def test_deleting_requires_only_the_permission_to_delete_users(
    staff: MakeStaff, alice: User, bob: User
) -> None:
    browser = staff("view_user", "delete_user")
    assert browser.post(delete(alice), {"post": "yes"}).status_code == 302

    User.objects.get(username="clerk").user_permissions.clear()
    assert browser.post(delete(bob), {"post": "yes"}).status_code == 403
    assert list(Inbox.objects.values_list("user__username", flat=True)) == ["bob"]
