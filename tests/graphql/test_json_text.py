"""Decoding untrusted JSON and encoding responses."""

from __future__ import annotations

import pytest

from live_inbox_graphql.json_text import dumps, loads


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true, "é"]}', {"a": [1, 2.5, None, True, "é"]}),
        ("18446744073709551617", 2**64 + 1),
        ('"\\ud800"', "\ud800"),
        ('"é"'.encode(), "é"),
    ],
)
def test_valid_json(text: str | bytes, value: object) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1" * 5000,
        b"\xff",
        '"\n"',
        "[" * 100000,
        '{"a":' * 100000,
    ],
)
def test_invalid_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, "é"]}, '{"a":[1,"é"]}'),
        (2**64 + 1, "18446744073709551617"),
        ({"a": "\ud800"}, '{"a":"\\ud800"}'),
    ],
)
def test_every_value_can_be_encoded(value: object, text: str) -> None:
    assert dumps(value) == text.encode()
