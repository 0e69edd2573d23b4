from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from live_inbox.checks import check_settings
from live_inbox.declared_types import declared_types
from live_inbox_site.environment import SITE_DIRECTORY, SiteSettings, site_settings
from tests.changed_settings import changed_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove every setting from the environment."""
    for name in SiteSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def read(monkeypatch: pytest.MonkeyPatch, **environment: str) -> SiteSettings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return SiteSettings()


def test_the_defaults_are_those_of_a_locked_production_site() -> None:
    settings = SiteSettings()
    assert settings.environment == "production"
    assert settings.is_production
    assert not settings.is_development
    assert settings.secret_key == settings.jwt_secret == settings.redis_url == ""
    assert settings.allowed_hosts == settings.allowed_origins == []
    assert not settings.behind_proxy
    assert not settings.serves_pages
    assert not settings.serves_graphiql
    assert settings.database_url == f"sqlite:///{SITE_DIRECTORY}/var/inbox.sqlite3"


def test_the_defaults_that_the_delivery_guarantees_depend_on() -> None:
    settings = SiteSettings()
    assert (settings.reconcile_seconds, settings.linger_seconds) == (2.0, 10.0)
    assert (settings.live_events, settings.log_keep_days, settings.log_keep_events) == (
        128,
        30,
        10_000,
    )
    assert (settings.max_data_bytes, settings.max_page_size) == (8192, 100)


def test_the_repository_is_where_it_is() -> None:
    assert Path(__file__).resolve().parents[1] == SITE_DIRECTORY


@pytest.mark.parametrize("name", list(SiteSettings.model_fields))
def test_every_setting_has_a_description(name: str) -> None:
    field = SiteSettings.model_fields[name]
    assert field.description
    assert field.description[0].isupper() or field.description[0] == "`"
    assert field.description.endswith(".")
    assert name == name.lower()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ENVIRONMENT", "development", "development"),
        ("ALLOWED_HOSTS", "a.example,b.example", ["a.example", "b.example"]),
        ("ALLOWED_HOSTS", " a.example , ,b.example,", ["a.example", "b.example"]),
        ("ALLOWED_ORIGINS", "https://a.example", ["https://a.example"]),
        ("JWT_ALGORITHMS", "RS256,ES256", ["RS256", "ES256"]),
        ("ALLOWED_ORIGINS", "capacitor://localhost,null", ["capacitor://localhost", "null"]),
        ("USE_X_FORWARDED_HOST", "true", True),
        ("BEHIND_PROXY", "true", True),
        ("BEHIND_PROXY", "0", False),
        ("PAGES", "1", True),
        ("RECONCILE_SECONDS", "0.25", 0.25),
        ("LIVE_EVENTS", "8", 8),
        ("LINGER_SECONDS", "0", 0.0),
        ("DATABASE_THREADS", "64", 64),
        ("REDIS_URL", "redis://h:1/0", "redis://h:1/0"),
        ("FORCE_SCRIPT_NAME", "/inbox/", "/inbox"),
    ],
)
def test_a_setting_is_read_from_the_environment_variable_of_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    assert getattr(read(monkeypatch, **{name: text}), name.lower()) == value


def test_types_are_declared_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, TYPES='{"security": {"label": "Security", "required": true}}')
    assert settings.types == {"security": {"label": "Security", "required": True}}


def test_types_are_declared_in_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, TYPES="shop.types.declared").types == "shop.types.declared"


def test_development_declares_the_types_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    def types(**environment: str) -> object:
        return read(monkeypatch, **environment).of_the_app()["TYPES"]

    assert types(ENVIRONMENT="test") == types(ENVIRONMENT="production") == {}
    demo = types(ENVIRONMENT="development")
    assert types(TYPES='{"news": {}}') == {"news": {}}
    with changed_settings(TYPES=demo):
        assert check_settings(None) == []
        assert declared_types().keys() >= {"general", "approval", "report"}


@pytest.mark.parametrize("name", ["ENVIRONMENT", "RECONCILE_SECONDS", "ALLOWED_HOSTS", "PAGES"])
def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert read(monkeypatch, **{name: ""}) == SiteSettings()


def test_other_environment_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SiteSettings()
    assert read(monkeypatch, SOMETHING_ELSE="x", INBOX_RECONCILE_SECONDS="9") == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALLOWED_HOSTS", "https://inbox.example.com"),
        ("ENVIRONMENT", "staging"),
        ("LOG_LEVEL", "LOUD"),
        ("RECONCILE_SECONDS", "0"),
        ("RECONCILE_SECONDS", "-1"),
        ("RECONCILE_SECONDS", "61"),
        ("RECONCILE_SECONDS", "nan"),
        ("RECONCILE_SECONDS", "soon"),
        ("LINGER_SECONDS", "inf"),
        ("LIVE_EVENTS", "7"),
        ("LIVE_EVENTS", "10001"),
        ("LIVE_EVENTS", "8.5"),
        ("DATABASE_THREADS", "0"),
        ("LOG_KEEP_DAYS", "0"),
        ("LOG_KEEP_EVENTS", "99"),
        ("MAX_DATA_BYTES", "262145"),
        ("MAX_PAGE_SIZE", "0"),
        ("BEHIND_PROXY", "perhaps"),
        ("FORCE_SCRIPT_NAME", "inbox"),
        ("TYPES", "security"),
        ("TYPES", "{"),
    ],
)
def test_an_invalid_value_is_refused_with_the_name_of_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        read(monkeypatch, **{name: text})
    (error,) = caught.value.errors()
    assert error["loc"] == (name.lower(),)
    assert name.lower() in str(caught.value)


def test_settings_are_immutable() -> None:
    settings: Any = SiteSettings()
    with pytest.raises(ValidationError):
        settings.reconcile_seconds = 1.0


def test_the_settings_of_a_process_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = site_settings()
    monkeypatch.setenv("RECONCILE_SECONDS", "59")
    assert site_settings() is before
    assert os.environ["RECONCILE_SECONDS"] == "59"
    assert SiteSettings().reconcile_seconds == 59
    assert site_settings().reconcile_seconds != 59
