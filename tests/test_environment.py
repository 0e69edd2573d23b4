from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from live_inbox.checks import check_settings
from live_inbox.declared_types import declared_types
from live_inbox_site import environment
from live_inbox_site.environment import (
    SITE_DIRECTORY,
    SiteSettings,
    WrongSettings,
    site_settings,
)
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


# -- the file .env ---------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file `.env` of a site that nothing else has set up."""
    monkeypatch.setattr(environment, "SITE_DIRECTORY", tmp_path)
    return tmp_path / ".env"


def read_anew() -> SiteSettings:
    """Read the settings as a process that has just started."""
    return site_settings.__wrapped__()


def examples() -> dict[str, tuple[str, str]]:
    """Return each assignment to a setting that the pages and the deployment files show, by itself: name and value."""
    found = {}
    for page in [*(SITE_DIRECTORY / "docs").rglob("*.md"), SITE_DIRECTORY / "README.md"]:
        text = page.read_text()
        lines = re.findall(r"^([A-Z_]+)=(\S.*?)(?:\s+#.*)?$", text, re.M)
        lines += re.findall(r"`([A-Z_]+)=([^`\n]+)`", text)
        for name, value in lines:
            is_of_a_shell = re.search(r"\$\(|\bmake \b|manage\.py", value)
            if name.lower() in SiteSettings.model_fields and not is_of_a_shell:
                found[f"{name}={value}"] = (name, value)
    return found


@pytest.mark.parametrize("example", examples())
def test_a_value_of_the_pages_is_the_same_in_the_file_and_in_a_variable(
    example: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = examples()[example]
    file.write_text(f"{example}\n")
    try:
        expected = read(monkeypatch, **{name: value})
    except ValidationError:
        assert "..." in value or value[0] == "<"  # The rest of it is the reader's.
        return
    monkeypatch.delenv(name)
    assert SiteSettings(_env_file=file) == expected
    assert name.lower() in expected.model_fields_set


def test_the_pages_have_values_that_a_shell_would_cut() -> None:
    values = [value for _, value in examples().values()]
    assert len(values) > 20
    assert any("&" in value for value in values)


@pytest.mark.parametrize(
    "value",
    [
        "postgres://inbox:p@db/inbox?sslmode=verify-full&sslrootcert=/etc/ca.crt",
        "postgres://inbox:a;b$c`d*e#f@db/inbox?options=-c%20work_mem",
        "postgres://inbox:$HOME\\n'x'\"y\"@db/inbox",
        "sqlite:////srv/in box.sqlite3",
        "600/minute burst 100",
    ],
)
def test_a_line_of_the_file_is_read_as_it_stands(value: str, file: Path) -> None:
    file.write_text(f"ENVIRONMENT=production\nDATABASE_URL={value}\n")
    lines = environment._lines_of(file)
    assert lines == {"ENVIRONMENT": "production", "DATABASE_URL": value}


def test_a_line_that_names_another_variable_is_refused(file: Path) -> None:
    file.write_text("DATABASE_URL=sqlite:////srv/inbox.sqlite3\nJWT_SECRET='a${b}c'\n")
    with pytest.raises(WrongSettings, match=r"Wrong settings: JWT_SECRET in \S+/\.env has \$\{\."):
        read_anew()


@pytest.mark.parametrize("lines", ["", "ENVIRONMENT=production\n", "REDIS_URL=redis://h\n"])
def test_production_has_no_database_of_its_own(file: Path, lines: str) -> None:
    file.write_text(lines)
    with pytest.raises(WrongSettings, match="DATABASE_URL is not set"):
        read_anew()


def test_production_without_a_file_has_no_database_of_its_own(file: Path) -> None:
    with pytest.raises(WrongSettings, match="DATABASE_URL is not set"):
        read_anew()


@pytest.mark.parametrize("environment_", ["production", "development", "test"])
@pytest.mark.parametrize("is_in_file", [True, False])
def test_an_empty_database_url_is_not_one_that_is_not_set(
    environment_: str, is_in_file: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment_)
    if is_in_file:
        file.write_text("DATABASE_URL=\n")
        if environment_ == "test":
            assert read_anew().database_url.startswith("sqlite:///")  # It reads no file.
            return
    else:
        monkeypatch.setenv("DATABASE_URL", "")
        file.write_text("DATABASE_URL=sqlite:////srv/inbox.sqlite3\n")
    with pytest.raises(WrongSettings, match="DATABASE_URL is empty"):
        read_anew()


def test_development_has_a_database_of_its_own(file: Path) -> None:
    file.write_text("ENVIRONMENT=development\n")
    (file.parent / "var").mkdir()
    assert read_anew().database_url == f"sqlite:///{SITE_DIRECTORY}/var/inbox.sqlite3"


def test_a_file_that_cannot_be_read_is_not_one_that_is_not_there(file: Path) -> None:
    # Another user's file would do as well, but for root.
    file.symlink_to("/proc/self/mem")
    with pytest.raises(WrongSettings, match=r"The file \S+/\.env cannot be read: "):
        read_anew()
