"""The setting LIVE_INBOX of a project of one's own: what is read, what is refused, and by which words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

import live_inbox
from live_inbox.checks import check_settings
from live_inbox.conf import inbox_settings

SECRET = "s" * 32


def ids_and_texts() -> dict[str | None, str]:
    """The messages of this app's checks, by id."""
    return {
        message.id: message.msg
        for message in run_checks()
        if message.id and message.id.startswith("live_inbox.")
    }


def test_without_the_setting_everything_has_its_default() -> None:
    with override_settings():
        from django.conf import settings

        del settings.LIVE_INBOX
        inbox_settings.cache_clear()
        assert inbox_settings().reconcile_seconds == 2
        assert inbox_settings().types == {}
    assert ids_and_texts() == {}


@pytest.mark.django_db
def test_a_project_without_time_zones_is_refused_in_one_sentence() -> None:
    sentence = "The inbox needs USE_TZ = True: its events are ordered moments in UTC."
    with override_settings(USE_TZ=False):
        (error,) = check_settings(None)
        assert (error.id, error.msg) == ("live_inbox.E001", sentence)
        with pytest.raises(ImproperlyConfigured, match=r"^The inbox needs USE_TZ = True"):
            live_inbox.send(recipient=1, title="x", expires_at=datetime(2999, 1, 1))  # noqa: DTZ001
    assert ids_and_texts() == {}


def test_jwt_settings_may_stand_in_a_dictionary_of_their_own() -> None:
    nested = {"JWT": {"SECRET": SECRET, "ALGORITHMS": ["HS384"]}, "MAX_PAGE_SIZE": 7}
    with override_settings(LIVE_INBOX=nested):
        assert inbox_settings().jwt_secret == SECRET
        assert inbox_settings().jwt_algorithms == ["HS384"]
        assert inbox_settings().max_page_size == 7


def test_overridden_settings_are_read_at_once_and_given_back() -> None:
    before = inbox_settings().max_page_size
    with override_settings(LIVE_INBOX={"MAX_PAGE_SIZE": 3}):
        assert inbox_settings().max_page_size == 3
    assert inbox_settings().max_page_size == before


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"SEND_RATES": "1/second"}, "there is no SEND_RATES; did you mean SEND_RATE?"),
        ({"send_rate": "1/second"}, "there is no send_rate; did you mean SEND_RATE?"),
        ({"JWT": {"SECRT": SECRET}}, "there is no JWT_SECRT; did you mean JWT_SECRET?"),
        ({"XYZZY": 1}, "there is no XYZZY."),
        ({"JWT": {"SECRET": SECRET}, "JWT_SECRET": SECRET}, "JWT_SECRET is set twice"),
        ({"JWT": "secret"}, "JWT must be a dictionary"),
        (["JWT"], "LIVE_INBOX must be a dictionary."),
        ({"ACTION_WEBHOOK": {"URI": "x"}}, "did you mean ACTION_WEBHOOK_URL?"),
        ({"ACTION_WEBHOOK": "x"}, "ACTION_WEBHOOK must be a dictionary"),
        ({"RECONCILE_SECONDS": 0}, "RECONCILE_SECONDS: Input should be greater than 0"),
        ({"TYPES": "security"}, "TYPES: it is not JSON"),
        ({"TYPES": "[1]"}, "TYPES: it is a mapping, or the dotted path of one"),
        ({"TYPES": ["news"]}, "TYPES: it is a mapping, or the dotted path of one"),
    ],
)
def test_what_is_wrong_is_named_when_it_is_used_and_by_the_check(given: Any, problem: str) -> None:
    with override_settings(LIVE_INBOX=given):
        with pytest.raises(ImproperlyConfigured) as wrong:
            inbox_settings()
        assert problem in str(wrong.value)
        assert problem in ids_and_texts()["live_inbox.E001"]


def test_a_function_that_is_none_and_a_layer_that_does_not_exist_are_named() -> None:
    given = {"SEND_POLICY": "django.VERSION", "CHANNEL_LAYER_ALIAS": "nope"}
    with override_settings(LIVE_INBOX={"JWT": {"SECRET": SECRET}} | given):
        found = ids_and_texts()
    assert found["live_inbox.E005"] == "SEND_POLICY is a tuple, and no function."
    assert found["live_inbox.W003"].startswith("CHANNEL_LAYERS has no 'nope'")


@pytest.mark.parametrize(
    ("module", "id", "text"),
    [
        ("clashing", "live_inbox.E007", "GRAPHQL_SCHEMA cannot be imported: DuplicatedTypeName: "),
        ("failing", "live_inbox.E007", "GRAPHQL_SCHEMA cannot be imported: ZeroDivisionError: "),
        (
            "lacking",
            "live_inbox.W002",
            "GRAPHQL_SCHEMA lacks notifications, markRead, notificationEvents, which",
        ),
    ],
)
def test_a_schema_that_cannot_serve_the_inbox_is_named(module: str, id: str, text: str) -> None:
    path = f"tests.graphql.wrong_schemas.{module}.schema"
    with override_settings(LIVE_INBOX={"JWT": {"SECRET": SECRET}, "GRAPHQL_SCHEMA": path}):
        assert ids_and_texts()[id].startswith(text)


def test_a_secret_that_is_too_short_is_an_error() -> None:
    with override_settings(LIVE_INBOX={"JWT": {"SECRET": "short"}}):
        assert "is too short for HS256" in ids_and_texts()["live_inbox.E002"]


def test_a_secret_key_that_is_too_short_to_sign_is_a_warning() -> None:
    with override_settings(LIVE_INBOX={}, SECRET_KEY="short"):
        assert list(ids_and_texts()) == ["live_inbox.W001"]
