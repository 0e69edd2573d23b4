"""Cursors are opaque, and only ours are accepted."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.errors import InvalidInput
from live_inbox_graphql.cursors import decode, encode


@given(st.integers(min_value=1, max_value=2**63 - 1))
def test_a_cursor_comes_back_as_the_number(number: int) -> None:
    assert decode(encode(number), field="after") == number


def test_a_cursor_can_stand_in_an_address() -> None:
    assert encode(12345) == "bm90aWZpY2F0aW9uOjEyMzQ1"


def b64(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "x",
        "====",
        "bm90aWZpY2F0aW9uOjEyMzQ1=",
        " bm90aWZpY2F0aW9uOjEyMzQ1",
        "é",
        "�",
        b64(b"notification:0"),
        b64(b"notification:-1"),
        b64(b"notification:01"),
        b64(b"user:1"),
        b64(b"notification:9223372036854775808"),
        b64(b"notification:1\n"),
        "A" * 5000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(text, field="after")
    assert caught.value.field == "after"


@given(st.text())
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    try:
        number = decode(text, field="before")
    except InvalidInput:
        return
    assert encode(number) == text
