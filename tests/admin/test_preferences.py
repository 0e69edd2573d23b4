"""The admin of preferences, which are set through the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from live_inbox import services
from live_inbox.models import NotificationPreference
from tests.admin.conftest import MakeStaff
from tests.changed_settings import changed_settings

LIST = "/admin/live_inbox/notificationpreference/"
ADD = f"{LIST}add/"


def stored() -> list[tuple[str, str, bool]]:
    rows = NotificationPreference.objects.order_by("pk")
    return list(rows.values_list("user__username", "type", "enabled"))


def change(preference: NotificationPreference) -> str:
    return f"{LIST}{preference.pk}/change/"


@pytest.fixture
def news_is_required() -> Iterator[None]:
    with changed_settings(TYPES={"news": {"required": True}}):
        yield


def test_a_preference_is_added(browser: Client, alice: User) -> None:
    response = browser.post(ADD, {"user": alice.pk, "type": "report"})

    assert response.headers["Location"] == LIST
    assert stored() == [("alice", "report", False)]


def test_a_preference_beyond_the_quota_is_refused(browser: Client, alice: User) -> None:
    with changed_settings(MAX_PREFERENCES=1):
        browser.post(ADD, {"user": alice.pk, "type": "report"})
        response = browser.post(ADD, {"user": alice.pk, "type": "other"})
        changed = browser.post(change(NotificationPreference.objects.get()), {"enabled": "on"})

    error = "You may turn 1 types on or off at most."
    assert response.context["adminform"].form.errors == {"type": [error]}
    assert changed.headers["Location"] == LIST
    assert stored() == [("alice", "report", True)]


def test_a_preference_is_changed(browser: Client, alice: User, bob: User) -> None:
    preference = services.set_preference(user_id=alice.pk, type="report", enabled=False)

    browser.post(change(preference), {"enabled": "on", "user": bob.pk, "type": "other"})

    assert stored() == [("alice", "report", True)]


def test_the_service_sets_it(browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[dict[str, Any]] = []
    set_preference = services.set_preference

    def listen(**arguments: Any) -> NotificationPreference:
        called.append(arguments)
        return set_preference(**arguments)

    monkeypatch.setattr(services, "set_preference", listen)

    browser.post(ADD, {"user": alice.pk, "type": "report"})

    assert called == [
        {"user_id": alice.pk, "type": "report", "channel": "in_app", "enabled": False}
    ]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"type": "no blanks", "enabled": "on"}, "type"),
        ({"type": "", "enabled": "on"}, "type"),
        ({"type": "news"}, "enabled"),
    ],
)
@pytest.mark.usefixtures("news_is_required")
def test_errors_appear_beside_the_field(
    browser: Client, alice: User, form: dict[str, str], field: str
) -> None:
    response = browser.post(ADD, form | {"user": alice.pk})

    assert list(response.context["adminform"].form.errors) == [field]
    assert stored() == []


@pytest.mark.usefixtures("news_is_required")
def test_a_type_that_became_required_cannot_be_turned_off(browser: Client, alice: User) -> None:
    preference = services.set_preference(user_id=alice.pk, type="news", enabled=True)

    response = browser.post(change(preference), {})

    assert "cannot be turned off" in response.content.decode()
    assert stored() == [("alice", "news", True)]


def test_there_is_one_preference_for_each_type(browser: Client, alice: User) -> None:
    services.set_preference(user_id=alice.pk, type="report", enabled=True)

    response = browser.post(ADD, {"user": alice.pk, "type": "report"})

    assert response.status_code == 200
    assert stored() == [("alice", "report", True)]


@pytest.fixture
def channels() -> Iterator[None]:
    types = {"invoice": {"required": ["email"]}}
    with changed_settings(CHANNELS={"email": {"label": "E-mail"}}, TYPES=types):
        yield


@pytest.mark.usefixtures("channels")
def test_a_preference_is_about_a_channel(browser: Client, alice: User) -> None:
    form = browser.get(ADD).content.decode()
    assert '<option value="email">E-mail</option>' in form

    browser.post(ADD, {"user": alice.pk, "type": "report", "channel": "email", "enabled": "on"})
    browser.post(ADD, {"user": alice.pk, "type": "report", "channel": "in_app"})

    rows = NotificationPreference.objects.order_by("pk")
    assert list(rows.values_list("type", "channel", "enabled")) == [
        ("report", "email", True),
        ("report", "in_app", False),
    ]
    # What is there is turned on and off on its channel.
    first = rows[0]
    browser.post(change(first), {"channel": "in_app"})
    assert list(rows.values_list("channel", "enabled")) == [("email", False), ("in_app", False)]


@pytest.mark.usefixtures("channels")
def test_errors_about_a_channel_are_shown(browser: Client, alice: User) -> None:
    def errors(**form: Any) -> list[str]:
        response = browser.post(ADD, form | {"user": alice.pk})
        return list(response.context["adminform"].form.errors)

    assert errors(type="report", channel="sms") == ["channel"]
    assert errors(type="invoice", channel="email") == ["enabled"]
    assert stored() == []


def test_a_preference_of_a_channel_that_is_gone_is_shown(browser: Client, alice: User) -> None:
    with changed_settings(CHANNELS={"email": {}}):
        preference = services.set_preference(
            user_id=alice.pk, type="report", channel="email", enabled=True
        )

    response = browser.post(change(preference), {})

    assert "This site has no such channel." in response.content.decode()
    assert stored() == [("alice", "report", True)]


@pytest.mark.usefixtures("channels")
def test_the_list_is_filtered_by_channel(browser: Client, alice: User, bob: User) -> None:
    services.set_preference(user_id=alice.pk, type="report", channel="email", enabled=True)
    services.set_preference(user_id=bob.pk, type="report", enabled=True)

    def found(query: str) -> list[str]:
        response = browser.get(f"{LIST}?{query}")
        return [row.user.username for row in response.context["cl"].result_list]

    assert "?channel=email" in browser.get(LIST).content.decode()
    assert (found("channel=email"), found("channel=in_app")) == (["alice"], ["bob"])


def test_without_other_channels_there_is_no_filter_by_channel(browser: Client, alice: User) -> None:
    services.set_preference(user_id=alice.pk, type="report", enabled=True)

    assert "?channel=" not in browser.get(LIST).content.decode()
    assert 'type="hidden" name="channel" value="in_app"' in browser.get(ADD).content.decode()


def test_preferences_are_not_deleted(browser: Client, alice: User) -> None:
    preference = services.set_preference(user_id=alice.pk, type="report", enabled=False)

    assert browser.post(f"{LIST}{preference.pk}/delete/", {"post": "yes"}).status_code == 403
    browser.post(
        LIST, {"action": "delete_selected", "_selected_action": preference.pk, "post": "yes"}
    )

    assert stored() == [("alice", "report", False)]


def test_the_list_is_searched_and_filtered(browser: Client, alice: User, bob: User) -> None:
    services.set_preference(user_id=alice.pk, type="report", enabled=False)
    services.set_preference(user_id=bob.pk, type="news", enabled=True)

    def found(query: str) -> list[str]:
        return [
            row.user.username for row in browser.get(f"{LIST}?{query}").context["cl"].result_list
        ]

    assert found("") == ["bob", "alice"]
    assert found("q=ali") == found("type=report") == found("enabled__exact=0") == ["alice"]


def test_the_list_costs_the_same_at_any_length(browser: Client, alice: User) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        return len(queries)

    services.set_preference(user_id=alice.pk, type="report", enabled=False)
    one = cost()
    for number in range(20):
        user = User.objects.create_user(f"user{number}")
        services.set_preference(user_id=user.pk, type="report", enabled=False)

    assert cost() == one


def test_the_view_permission_alone_changes_nothing(staff: MakeStaff, alice: User) -> None:
    browser = staff("view_notificationpreference")
    preference = services.set_preference(user_id=alice.pk, type="report", enabled=False)

    assert browser.get(change(preference)).status_code == 200
    assert browser.post(change(preference), {"enabled": "on"}).status_code == 403
    assert browser.post(ADD, {"user": alice.pk, "type": "x"}).status_code == 403
    assert stored() == [("alice", "report", False)]
