"""Input that the pages never send but a client can: it causes a form error or a redirect, never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from live_inbox import services
from live_inbox.models import InboxEvent, Notification

SEND = "/admin/live_inbox/notification/add/"
MODELS = ("notification", "notificationpreference", "inbox", "inboxevent")
HUGE = "9" * 30


def submit(browser: Client, **fields: Any) -> dict[str, list[str]]:
    """Submit the send form and return its errors."""
    response: Any = browser.post(SEND, {"type": "general", "title": "Hello"} | fields)
    assert response.status_code == 200
    assert not InboxEvent.objects.exists()
    return dict(response.context["adminform"].form.errors)


@pytest.mark.parametrize(
    "key", ["x", "-", "1.5", "1 OR 1", "[]", HUGE, "-" + HUGE, "9" * 5000, "1\0"]
)
def test_a_recipient_with_an_invalid_key(browser: Client, key: str) -> None:
    assert submit(browser, recipients=[key]) == {"recipients": [f"“{key}” is not a valid value."]}


@pytest.mark.parametrize("key", ["0", "-1", str(2**63 - 1)])
def test_a_recipient_that_does_not_exist(browser: Client, key: str) -> None:
    expected = f"Select a valid choice. {key} is not one of the available choices."
    if int(key) > 2**31 and connection.vendor == "postgresql":
        # Beyond the range of the column, it cannot be a key at all.
        expected = f"“{key}” is not a valid value."
    assert submit(browser, recipients=[key]) == {"recipients": [expected]}


def test_other_recipients_are_kept(browser: Client, alice: User) -> None:
    form = {"recipients": ["x", str(alice.pk)], "type": "general", "title": "Hello"}
    shown = browser.post(SEND, form).content.decode()
    assert f'<option value="{alice.pk}" selected>alice</option>' in shown


@pytest.mark.parametrize("data", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000])
def test_data_that_python_cannot_decode(browser: Client, alice: User, data: str) -> None:
    expected = submit(browser, recipients=[alice.pk], data=data)
    assert expected == {"data": ["Enter a valid JSON."]}


@pytest.mark.parametrize(
    "data",
    [
        "[" * 400 + "]" * 400,
        "NaN",
        '{"a":' * 900 + "1" + "}" * 900,
        r'{"a": "\ud800"}',
        r'{"a": "\u0000"}',
    ],
)
def test_data_that_the_services_refuse(browser: Client, alice: User, data: str) -> None:
    assert list(submit(browser, recipients=[alice.pk], data=data)) == ["data"]


@pytest.mark.parametrize("key", [HUGE, "-" + HUGE, "9" * 5000, "x", "_5B"])
@pytest.mark.parametrize("page", ["change", "delete", "history"])
@pytest.mark.parametrize("model", MODELS)
def test_a_row_with_an_invalid_key(browser: Client, model: str, page: str, key: str) -> None:
    response = browser.get(f"/admin/live_inbox/{model}/{key}/{page}/")
    if page == "delete" and model != "notification":
        assert response.status_code == 403
    else:
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/")


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("live_inbox/inboxevent", "created_at__year=999999999"),
        ("live_inbox/inboxevent", "created_at__year=x"),
        ("live_inbox/inboxevent", f"inbox={HUGE}"),
        ("live_inbox/inbox", f"user={HUGE}"),
        ("live_inbox/notification", "created_at__year=0"),
        ("live_inbox/notification", "created_at__gte=9999-99-99"),
        ("live_inbox/notification", f"recipient={HUGE}"),
        ("live_inbox/notification", "read_at__year=999999999"),
        ("live_inbox/notificationpreference", f"user={HUGE}"),
        ("auth/user", "date_joined__year=999999999"),
    ],
)
def test_a_list_with_invalid_filter_values(
    browser: Client, alice: User, page: str, query: str
) -> None:
    services.send(recipient_id=alice.pk, title="x")

    response = browser.get(f"/admin/{page}/?{query}")

    if query.endswith(HUGE) and connection.vendor == "postgresql":
        # Django knows the range of keys there, and that nothing can be beyond it.
        assert (response.status_code, b"0 results" in response.content) == (200, True)
        return
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/{page}/?e=1")
    assert browser.get(response.headers["Location"]).status_code == 200


@pytest.mark.parametrize("key", ["x", HUGE, "9" * 5000])
@pytest.mark.parametrize("page", [*(f"live_inbox/{model}" for model in MODELS), "auth/user"])
def test_an_action_on_rows_with_invalid_keys(
    browser: Client, alice: User, page: str, key: str
) -> None:
    services.set_preference(user_id=alice.pk, type="general", enabled=True)
    services.send(recipient_id=alice.pk, title="x")
    choice = {"action": "delete_selected", "_selected_action": [key], "post": "yes", "index": "0"}

    response = browser.post(f"/admin/{page}/", choice, follow=True)

    assert response.status_code == 200
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("key", ["x", HUGE, "-" + HUGE, "9" * 5000, "1\0"])
def test_a_preference_for_a_user_with_an_invalid_key(browser: Client, boss: User, key: str) -> None:
    form = {"user": key, "type": "general", "enabled": "on"}

    response: Any = browser.post("/admin/live_inbox/notificationpreference/add/", form)

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["user"]


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_field_in_place_of_the_key(browser: Client, model: str) -> None:
    response = browser.get(f"/admin/live_inbox/{model}/x/change/?_to_field=")
    assert response.status_code == 302
