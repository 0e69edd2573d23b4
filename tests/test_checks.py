"""Invalid and unsafe settings. The commands refuse them with the name of the variable and advice."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from live_inbox_site import checks
from live_inbox_site.environment import SiteSettings
from tests.stacks.python_process import completed_python

REPOSITORY = Path(__file__).resolve().parent.parent


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a management command with these environment variables added to those of the tests."""
    return completed_python("manage.py", *arguments, environment=os.environ | environment)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("RECONCILE_SECONDS", "abc", "Input should be a valid number"),
        ("RECONCILE_SECONDS", "0", "Input should be greater than 0"),
        ("DATABASE_URL", "mysql://x", "it begins with postgres://, postgresql:// or sqlite:///"),
        ("DATABASE_URL", "postgres://me:a/b@x/y", "it is no valid URL; in the user's name and"),
        ("REDIS_URL", "http://x", "it begins with redis://, rediss://, unix://, redis+sentinel://"),
        ("ALLOWED_ORIGINS", "example.com", "'example.com' is not an origin"),
        ("ALLOWED_ORIGINS", "https://app.*.com", "'https://app.*.com': a `*` stands for all below"),
        ("TARGET_LINKS", '{"order": true}', "'order' is no model, such as shop.order"),
        (
            "TARGET_LINKS",
            '{"a.b": false}',
            "a.b has neither true nor the dotted path of a function",
        ),
        ("TARGET_LINKS", '{"a.b": "links"}', "a.b has neither true nor the dotted path of a"),
        ("ENVIRONMENT", "prod", "Input should be 'development', 'test' or 'production'"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(name: str, value: str, reason: str) -> None:
    done = manage("check", **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"Wrong settings: {name}: {reason}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SEND_RATE", "fast", "SEND_RATE: 'fast' is not a rate limit"),
        ("SOCKET_RATE", "0/second", "SOCKET_RATE: "),
        ("OPERATION_RATE", "fast", "OPERATION_RATE: "),
        ("ANONYMOUS_OPERATION_RATE", "fast", "ANONYMOUS_OPERATION_RATE: "),
        ("SEND_POLICY", "no.such", "SEND_POLICY cannot be imported"),
        ("SENDER_NAME", "no.such", "SENDER_NAME cannot be imported"),
        ("TARGET_LINKS", '{"no.such": true}', "TARGET_LINKS: No installed app with label 'no'"),
        ("TARGET_LINKS", '{"auth.group": true}', "the model has no get_absolute_url"),
        ("TARGET_LINKS", '{"a.b": "no.such"}', "TARGET_LINKS.a.b cannot be imported"),
        ("GRAPHQL_SCHEMA", "no.such", "GRAPHQL_SCHEMA cannot be imported"),
        ("GRAPHQL_SCHEMA", "django.VERSION", "GRAPHQL_SCHEMA is a tuple, and no schema."),
        ("JWT_ALGORITHMS", "none", "none"),
    ],
)
def test_values_that_only_the_checks_can_validate_are_refused(
    name: str, value: str, sentence: str
) -> None:
    done = manage("check", **{name: value})
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("cost", "warns"), [("69999", True), ("70000", False)])
def test_the_largest_page_must_be_within_the_cost(cost: str, warns: bool) -> None:
    done = manage("check", MAX_PAGE_SIZE="1000", MAX_QUERY_COST=cost)
    assert done.returncode == 0
    assert ("live_inbox.W004" in done.stdout + done.stderr) is warns


def test_production_refuses_unsafe_settings_and_says_what_to_do() -> None:
    done = manage("check", ENVIRONMENT="production", SECRET_KEY="short", ALLOWED_HOSTS="")
    assert done.returncode == 1
    assert "SECRET_KEY must have at least 50 characters in production." in done.stderr
    assert "ALLOWED_HOSTS is empty." in done.stderr


def test_production_needs_a_secret_or_public_keys_for_tokens() -> None:
    done = manage("check", ENVIRONMENT="production", SECRET_KEY="k" * 50, JWT_SECRET="")
    assert done.returncode == 1
    assert "JWT_SECRET is empty." in done.stderr


def test_production_refuses_to_sign_tokens_with_the_key_of_everything_else() -> None:
    done = manage("check", ENVIRONMENT="production", SECRET_KEY="k" * 50, JWT_SECRET="k" * 50)
    assert done.returncode == 1
    assert "JWT_SECRET is SECRET_KEY" in done.stderr


def test_an_issuer_whose_every_token_is_accepted_is_a_warning() -> None:
    issuer = {"JWT_JWKS_URL": "https://id.example/jwks", "JWT_ALGORITHMS": "RS256"}
    assert "Every access token of the issuer" in manage("check", **issuer).stderr
    for name in ("JWT_AUDIENCE", "JWT_CLIENT_IDS"):
        assert "Every access token" not in manage("check", **issuer, **{name: "inbox"}).stderr


def test_production_accepts_safe_settings() -> None:
    done = manage("check", ENVIRONMENT="production", SECRET_KEY="k" * 50)
    assert done.returncode == 0


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_USER_CLAIMS", " user, sub ,")
    assert SiteSettings().jwt_user_claims == ["user", "sub"]


@pytest.mark.parametrize(
    ("environment", "pages", "served"),
    [
        ("development", None, True),
        ("production", None, False),
        ("production", "true", True),
        ("development", "false", False),
    ],
)
def test_the_pages_are_on_in_development_by_default(
    monkeypatch: pytest.MonkeyPatch, environment: str, pages: str | None, served: bool
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    if pages is not None:
        monkeypatch.setenv("PAGES", pages)
        monkeypatch.setenv("GRAPHIQL", pages)
    settings = SiteSettings()
    assert (settings.serves_pages, settings.serves_graphiql) == (served, served)


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"allowed_hosts": ["inbox.example.com"]}, "ALLOWED_HOSTS"),
        ({"allowed_hosts": ["localhost", "*"]}, "ALLOWED_HOSTS"),
        ({"behind_proxy": True}, "BEHIND_PROXY"),
        ({"allowed_hosts": ["localhost", "127.0.0.1", "[::1]", ".localhost"]}, None),
        ({}, None),
    ],
)
def test_a_server_does_not_become_development_by_a_forgotten_file(
    changes: dict[str, Any], setting: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make run` writes `.env`, so that later commands in the checkout run in development."""
    settings = SiteSettings(environment="development").model_copy(
        update={"allowed_hosts": [], "behind_proxy": False} | changes
    )
    monkeypatch.setattr(checks, "site_settings", lambda: settings)
    assert checks.check_site_settings(None) == []
    monkeypatch.delenv("ENVIRONMENT")
    messages = [message.msg for message in checks.check_site_settings(None)]
    assert len(messages) == (setting is not None)
    assert all(f"and {setting} says" in message for message in messages)


SAFE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "JWT_SECRET": "9876543210-zyxwvutsrqponmlkjihgfedcba",
    "ALLOWED_HOSTS": "inbox.example.com",
    "METRICS_TOKEN": "one-of-our-own",
    "DATABASE_URL": "postgres://inbox@localhost/inbox",
    "REDIS_URL": "redis://localhost",
    "BEHIND_PROXY": "true",
    "HSTS_INCLUDE_SUBDOMAINS": "true",
    "HSTS_PRELOAD": "true",
}
"""A site in production that Django's own checks for deployment do not warn of."""


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({}, set()),
        (
            dict.fromkeys(("HSTS_INCLUDE_SUBDOMAINS", "HSTS_PRELOAD", "BEHIND_PROXY"), "false"),
            {"W005", "W008", "W021"},
        ),
    ],
)
def test_the_checks_for_deployment_warn_of_what_is_left_to_the_operator(
    changes: dict[str, str], warned: set[str]
) -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **SAFE | changes)
    assert set(re.findall(r"\(security\.(W\d+)\)", done.stderr)) == warned
    assert done.returncode == bool(warned)
