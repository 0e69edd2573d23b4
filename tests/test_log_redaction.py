"""Redaction of tokens in log records."""

from __future__ import annotations

import logging

import pytest

from live_inbox.log_redaction import RedactTokens

pytestmark = pytest.mark.stack("embedded")


def record(
    message: str, *arguments: object, error: BaseException | None = None
) -> logging.LogRecord:
    """Return a record like a logger's."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("name", logging.INFO, __file__, 1, message, arguments, info)


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("/ws/notifications/?token=abc.def-g_h", "/ws/notifications/?token=***"),
        ("/ws/?limit=5&token=abc&x=1", "/ws/?limit=5&token=***&x=1"),
        ("/ws/?TOKEN=abc", "/ws/?TOKEN=***"),
        ("/ws/?access_token=abc&x=1", "/ws/?access_token=***&x=1"),
        ("/ws/?token=", "/ws/?token="),
        ("/ws/?token=a%20b;c", "/ws/?token=***"),
        ("/ws/?x=1", "/ws/?x=1"),
    ],
)
def test_tokens_in_urls_are_redacted(address: str, logged: str) -> None:
    line = record('%s - "WebSocket %s" [accepted]', "127.0.0.1:9", address)
    assert RedactTokens().filter(line)
    assert line.getMessage() == f'127.0.0.1:9 - "WebSocket {logged}" [accepted]'


@pytest.mark.parametrize(
    ("message", "arguments", "logged"),
    [
        ("100% of token=abc", (), "100% of token=***"),
        ("token='abc' and token=\"def\"", (), "token='***' and token=\"***\""),
        ("two: %s %s", ("?token=a", "&token=b"), "two: ?token=*** &token=***"),
        ("%(address)s", ({"address": "?token=a"},), "?token=***"),
        ("%d tokens", (3,), "3 tokens"),
    ],
)
def test_the_rest_of_the_line_is_unchanged(
    message: str, arguments: tuple[object, ...], logged: str
) -> None:
    line = record(message, *arguments)
    assert RedactTokens().filter(line)
    assert line.getMessage() == logged


def test_a_record_with_invalid_arguments_does_not_raise() -> None:
    line = record("%d token=%s", "x")
    assert RedactTokens().filter(line)
    with pytest.raises(TypeError):
        line.getMessage()
