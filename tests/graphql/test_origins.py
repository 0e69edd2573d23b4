"""Which web pages may open a socket, by literal headers."""

from __future__ import annotations

from typing import Any

import pytest

from live_inbox_graphql.origins import OriginCheck, parse_origin

pytestmark = pytest.mark.stack("embedded")


def scope(**headers: str) -> dict[str, Any]:
    names = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return {"headers": list(names.items())}


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Example.com:443", ("https", "example.com", 443)),
        ("https://example.com", ("https", "example.com", 443)),
        ("http://example.com:8000", ("http", "example.com", 8000)),
        ("http://[::1]:8000", ("http", "::1", 8000)),
        ("null", None),
        ("", None),
        ("https://[", None),
        ("https://a:99999", None),
    ],
)
def test_an_origin_is_read_with_its_default_port(text: str, origin: Any) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, True),
        ({"origin": "https://evil.example", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "https://app.example", "host": "app.example"}, True),
        ({"origin": "https://app.example", "host": "app.example:443"}, True),
        ({"origin": "http://app.example", "host": "app.example:443"}, False),
        ({"origin": "http://app.example:8000", "host": "APP.example:8000"}, True),
        ({"origin": "http://app.example:8000", "host": "app.example"}, False),
        ({"origin": "https://evil.example", "host": "app.example"}, False),
        ({"origin": "https://allowed.example", "host": "app.example"}, True),
        ({"origin": "https://ALLOWED.example:443", "host": "app.example"}, True),
        ({"origin": "http://allowed.example", "host": "app.example"}, False),
        ({"origin": "https://app.example"}, False),
        ({"origin": "null", "host": "app.example"}, False),
        ({"origin": "https://app.example", "host": "["}, False),
    ],
)
def test_a_page_of_our_own_or_of_an_allowed_origin_may_open_a_socket(
    headers: dict[str, str], expected: bool
) -> None:
    assert OriginCheck(["https://allowed.example"]).allows(scope(**headers)) is expected


@pytest.mark.parametrize("value", ["app", "*"])
def test_a_value_that_is_no_origin_is_an_error(value: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        OriginCheck([value])
