"""What works with keys of text, and with an admin site that has no user admin."""

from __future__ import annotations

from django.test import Client

import live_inbox
from live_inbox import services
from live_inbox.errors import InvalidInput
from live_inbox.models import Notification
from tests.users.people import User, new_user


def check_that_the_admin_pages_open() -> None:
    browser = Client()
    browser.force_login(new_user(is_staff=True, is_superuser=True))
    alice = new_user()
    live_inbox.send(recipient=alice, title="x")
    for name in ("notification", "notificationpreference", "inbox", "inboxevent"):
        page = f"/admin/live_inbox/{name}/"
        assert browser.get(page, {"q": alice.code}).status_code == 200, name
    form = {"recipients": alice.code, "type": "general", "title": "by code", "data": "{}"}
    assert browser.post("/admin/live_inbox/notification/add/", form).status_code == 302
    assert Notification.objects.get(title="by code").recipient == alice


def check_that_a_key_that_no_database_can_hold_is_refused() -> None:
    for key in ("a\x00b", "\ud800", "", "unknown", 7):
        try:
            services.send(recipient_id=key, title="x")
        except InvalidInput as error:
            assert error.field == "recipient_id"
        else:
            raise AssertionError(key)


def check_that_a_new_user_with_an_old_key_starts_with_an_empty_inbox() -> None:
    alice = new_user()
    live_inbox.send(recipient=alice, title="x")
    old = alice.code
    User.objects.filter(pk=old).delete()
    again = User.objects.create_user(old)
    sent = live_inbox.send(recipient=again, title="y").notification
    assert sent is not None
    assert list(Notification.objects.filter(recipient=again)) == [sent]
