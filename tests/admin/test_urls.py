"""The admin URLs of the original guide redirect to the current pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from live_inbox import services


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("authentication/", "live_inbox/"),
        ("authentication/notification/", "live_inbox/notification/"),
        ("authentication/notification/add/", "live_inbox/notification/add/"),
        ("authentication/notification/7/change/", "live_inbox/notification/7/change/"),
        ("authentication/notification/7/delete/", "live_inbox/notification/7/delete/"),
        ("authentication/notification/7/history/", "live_inbox/notification/7/history/"),
        ("authentication/notification/7/", "live_inbox/notification/7/change/"),
        ("authentication/notification/?q=x&p=2", "live_inbox/notification/?q=x&p=2"),
        ("authentication/notificationpreference/", "live_inbox/notificationpreference/"),
        (
            "authentication/notificationpreference/7/change/",
            "live_inbox/notificationpreference/7/change/",
        ),
    ],
)
def test_an_old_url_redirects(client: Client, old: str, new: str) -> None:
    response = client.get(f"/admin/{old}")

    assert response.status_code == 301
    assert response.headers["Location"] == f"/admin/{new}"


def test_the_old_list_shows_the_notifications(browser: Client, alice: User) -> None:
    services.send(recipient_id=alice.pk, title="Hello")

    shown = browser.get("/admin/authentication/notification/", follow=True).content.decode()

    assert "Hello" in shown


def test_other_urls_are_not_redirected(browser: Client) -> None:
    assert browser.get("/admin/authentication/group/").status_code == 404
    assert browser.get("/admin/live_inbox/").status_code == 200
