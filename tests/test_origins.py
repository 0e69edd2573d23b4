"""The setting ALLOWED_ORIGINS: one meaning for sockets, forms and CORS."""

from __future__ import annotations

from typing import Any

import pytest
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory
from pytest_django import Settings

from live_inbox.origins import AllowedOrigins, Origin, parse_origin

pytestmark = pytest.mark.stack("embedded")

ALLOWED = [
    "https://app.example.com",
    "http://LOCAL.example:80",
    "https://[2001:db8::1]:8443",
    "https://*.example.org",
    "https://*.example.net:8443",
    "https://bücher.example",
    "capacitor://localhost",
    "tauri://localhost",
    "chrome-extension://abcdefghijklmnop",
]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Example.com:443", ("https", "example.com", 443)),
        ("https://example.com", ("https", "example.com", 443)),
        ("http://example.com:8000", ("http", "example.com", 8000)),
        ("http://[::1]:8000", ("http", "::1", 8000)),
        ("capacitor://localhost", ("capacitor", "localhost", None)),
        ("null", None),
        ("", None),
        ("https://[", None),
        ("https://a:99999", None),
    ],
)
def test_an_origin_is_read_with_its_default_port(text: str, origin: Any) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["https://a.example", "http://a.example:8000", "https://[2001:db8::1]:8443", "app://x"]
)
def test_an_origin_is_written_as_browsers_send_it(text: str) -> None:
    origin = parse_origin(text)
    assert isinstance(origin, Origin)
    assert str(origin) == text


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://app.example.com", True),
        ("https://APP.example.com:443", True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://sub.app.example.com", False),
        ("http://local.example", True),
        ("https://[2001:db8::1]:8443", True),
        ("https://example.org", True),
        ("https://a.example.org", True),
        ("https://a.b.example.org", True),
        ("http://a.example.org", False),
        ("https://a.example.org:8443", False),
        ("https://notexample.org", False),
        ("https://example.org.evil.example", False),
        ("https://a.example.net:8443", True),
        ("https://a.example.net", False),
        ("https://xn--bcher-kva.example", True),
        ("https://*.example.org", True),
        ("", False),
        ("null", False),
    ],
)
def test_sockets_and_forms_agree(origin: str, expected: bool, settings: Settings) -> None:
    allowed = AllowedOrigins.parse(ALLOWED)
    assert (origin in allowed) is expected
    settings.CSRF_TRUSTED_ORIGINS = allowed.for_forms()
    request = RequestFactory().post("/", headers={"Origin": origin})
    check: Any = CsrfViewMiddleware(lambda request: None)  # type: ignore[arg-type]  # not called
    as_sent = parse_origin(origin)
    if as_sent is not None and str(as_sent) == origin:
        # Django compares texts, and browsers send no others.
        assert check._origin_verified(request) is expected


@pytest.mark.parametrize("origin", ["capacitor://localhost", "tauri://localhost"])
def test_apps_are_allowed_but_not_for_forms(origin: str) -> None:
    allowed = AllowedOrigins.parse(ALLOWED)
    assert origin in allowed
    assert "capacitor://other" not in allowed
    assert all(text.startswith("http") for text in allowed.for_forms())


def test_pages_without_an_origin_can_be_allowed() -> None:
    allowed = AllowedOrigins.parse(["null"])
    assert "null" in allowed
    assert allowed.for_forms() == []


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "app",
        "https://*",
        "https://*:8000",
        "https://app.*.example.com",
        "https://app*.example.com",
        "https://*.*.example.com",
        "*.example.com",
        "*://example.com",
        "capacitor://*.localhost",
        "https://app.example.com/",
        "https://app.example.com/page",
        "https://user@app.example.com",
        "https://a:99999",
        "https://",
    ],
)
def test_a_value_that_would_match_nothing_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match=r"is not an origin|can have a|stands for all"):
        AllowedOrigins.parse([value])
