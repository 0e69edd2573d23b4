"""The page of preferences, as a browser without scripts uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from live_inbox import services
from live_inbox.models import NotificationPreference
from tests.changed_settings import changed_settings

PAGE = "/notifications/preferences/"
TYPES = {
    "news": {"label": "News & <b>more</b>", "description": "What is new."},
    "security": {"label": "Security", "required": True},
    "sums": {},
}


@pytest.fixture(autouse=True)
def _types() -> Iterator[None]:
    with changed_settings(TYPES=TYPES):
        yield


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def alice(db: Any) -> User:
    return User.objects.create_user("alice")


def boxes(html: str, channel: str = "in_app") -> dict[str, set[str]]:
    """The checkboxes of a page for a channel, by type, with their flags."""
    found = re.findall(rf'<input type="checkbox" name="on:{channel}" value="([^"]*)"([^>]*)>', html)
    return {type: {"checked", "disabled"} & set(flags.split()) for type, flags in found}


def test_the_page_lists_the_declared_types_and_the_users_own(browser: Client, alice: User) -> None:
    services.set_preference(user_id=alice.pk, type="own", enabled=False)
    html = browser.get(PAGE).content.decode()
    assert boxes(html) == {
        "news": {"checked"},
        "own": set(),
        "security": {"checked", "disabled"},
        "sums": {"checked"},
    }
    assert "News &amp; &lt;b&gt;more&lt;/b&gt;" in html
    assert "What is new." in html


def test_what_is_unchecked_is_turned_off_and_back_on(browser: Client, alice: User) -> None:
    response = browser.post(PAGE, {"on:in_app": ["news", "made-up"]})
    assert (response.status_code, response["Location"]) == (302, f"{PAGE}?saved=1")
    saved = NotificationPreference.objects.values_list("user_id", "type", "enabled")
    assert list(saved) == [(alice.pk, "sums", False)]
    assert boxes(browser.get(f"{PAGE}?saved=1").content.decode())["sums"] == set()
    browser.post(PAGE, {"on:in_app": ["news", "sums"]})
    assert list(saved.all()) == [(alice.pk, "sums", True)]


def test_with_other_channels_the_page_is_a_table(browser: Client, alice: User) -> None:
    types = {"news": TYPES["news"], "invoice": {"required": ["email"]}}
    with changed_settings(TYPES=types, CHANNELS={"email": {"label": "E-<mail>"}}):
        html = browser.get(PAGE).content.decode()
        assert boxes(html) == {"invoice": {"checked"}, "news": {"checked"}}
        assert boxes(html, "email") == {"invoice": {"checked", "disabled"}, "news": set()}
        assert '<th scope="col">E-&lt;mail&gt;</th>' in html
        assert 'aria-label="E-&lt;mail&gt; for News &amp; &lt;b&gt;more&lt;/b&gt;"' in html
        wanted = {"on:in_app": ["invoice"], "on:email": ["news"], "on:sms": ["news"]}
        browser.post(PAGE, wanted)
        saved = NotificationPreference.objects.order_by("type", "channel")
        assert list(saved.values_list("type", "channel", "enabled")) == [
            ("news", "email", True),
            ("news", "in_app", False),
        ]
        assert boxes(browser.get(PAGE).content.decode(), "email")["news"] == {"checked"}


def test_without_types_the_page_says_so(browser: Client) -> None:
    with changed_settings(TYPES={}):
        assert "nothing to choose" in browser.get(PAGE).content.decode()


def test_a_form_of_another_site_is_refused(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(PAGE, {"on:in_app": []}).status_code == 403
    assert not NotificationPreference.objects.exists()


def test_an_anonymous_visitor_is_sent_to_the_login(client: Client) -> None:
    with override_settings(LOGIN_URL="/log-in/"):
        response = client.get(PAGE)
    assert (response.status_code, response["Location"]) == (302, f"/log-in/?next={PAGE}")


def test_without_a_sign_in_of_the_site_that_is_the_one_of_the_admin(client: Client) -> None:
    response = client.get(PAGE)
    assert response["Location"] == f"/admin/login/?next={PAGE}"
    assert client.get(response["Location"]).status_code == 200


def test_a_project_puts_the_page_into_its_own_frame(browser: Client, tmp_path: Path) -> None:
    (tmp_path / "live_inbox").mkdir()
    (tmp_path / "live_inbox" / "base.html").write_text(
        "<p>Our shop</p>{% block content %}{% endblock %}"
    )
    from django.conf import settings

    with override_settings(TEMPLATES=[settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]):
        html = browser.get(PAGE).content.decode()
    assert html.startswith("<p>Our shop</p>")
    assert "Notify me about" in html
