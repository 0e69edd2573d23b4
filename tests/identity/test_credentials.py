"""Extracting tokens from headers, query strings and payloads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_inbox.identity.credentials import token_from_headers, token_from_payload, token_from_query

# Slow machines are no reason to fail.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer abc", "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER   abc ", "abc"),
        (b"JWT abc", "abc"),
        (b"Token abc", "abc"),
        (b"abc", "abc"),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Basic YTpi", None),
        (b"Bearer a b", None),
        (b"", None),
        (b"Bearer \xff", "\xff"),
    ],
)
def test_the_authorization_header(value: bytes, token: str | None) -> None:
    assert token_from_headers([(b"host", b"x"), (b"authorization", value)]) == token


def test_the_first_usable_header_is_used() -> None:
    headers = [
        (b"Authorization", b"Basic YTpi"),
        (b"authorization", b"Bearer a"),
        (b"authorization", b"b"),
    ]
    assert token_from_headers(headers) == "a"
    assert token_from_headers([]) is None


@pytest.mark.parametrize(
    ("query", "token"),
    [
        (b"token=abc", "abc"),
        (b"a=1&token=&token=abc&token=def", "abc"),
        (b"token=Bearer%20abc", "abc"),
        (b"token=Bearer+abc", "abc"),
        (b"Token=abc", None),
        (b"token", None),
        (b"", None),
        (b"token=%ff", "\ufffd"),
        (b"\xff\xfe=&token=abc", "abc"),
        (b"&".join([b"a=1"] * 101) + b"&token=abc", None),
    ],
)  # fmt: skip
def test_the_query_string(query: bytes, token: str | None) -> None:
    assert token_from_query(query) == token


@pytest.mark.parametrize(
    ("payload", "token"),
    [
        ({"Authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer abc"}, "abc"),
        ({"token": "abc"}, "abc"),
        ({"authToken": "abc"}, "abc"),
        ({"authToken": "Bearer abc"}, "abc"),
        ({"headers": {"Authorization": "Bearer abc"}}, "abc"),
        ({"headers": {"token": "abc"}, "authToken": "def"}, "def"),
        ({"Authorization": None, "token": "abc"}, "abc"),
        ({"Authorization": ["Bearer abc"]}, None),
        ({"Authorization": "Basic YTpi"}, None),
        ({"token": 5}, None),
        ({"token": {"token": "abc"}}, None),
        ({"headers": {"headers": {"token": "abc"}}}, None),
        ({"headers": ["token"]}, None),
        ({}, None),
        (None, None),
        ("token", None),
        (["token"], None),
    ],
)
def test_the_payload_of_connection_init(payload: Any, token: str | None) -> None:
    assert token_from_payload(payload) == token


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["Authorization", "authorization", "token", "authToken", "headers"])


@PATIENT
@given(st.binary(), st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON)))
def test_no_input_raises(data: bytes, payload: Any) -> None:
    for found in (
        token_from_headers([(b"authorization", data)]),
        token_from_query(data),
        token_from_query(b"token=" + data),
        token_from_payload(payload),
    ):
        assert found is None or (found and not any(letter.isspace() for letter in found))
