"""What must not get into the logs, and what must not flood them."""

from __future__ import annotations

import logging
import sys

import pytest

from backend.logs import OncePerMinute, WithoutTokens


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    """Make a record as a logger would."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("name", logging.INFO, __file__, 1, message, arguments, info)


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("/ws/notifications/?token=abc.def-g_h", "/ws/notifications/?token=***"),
        ("/ws/?limit=5&token=abc&x=1", "/ws/?limit=5&token=***&x=1"),
        ("/ws/?TOKEN=abc", "/ws/?TOKEN=***"),
        ("/ws/?x=1", "/ws/?x=1"),
    ],
)
def test_tokens_are_struck_out_of_addresses(address: str, logged: str) -> None:
    line = record('%s - "WebSocket %s" [accepted]', "127.0.0.1:9", address)
    assert WithoutTokens().filter(line)
    assert line.getMessage() == f'127.0.0.1:9 - "WebSocket {logged}" [accepted]'


def test_a_message_passes_once_a_minute_as_one_line() -> None:
    now = 1000.0
    seldom = OncePerMinute(clock=lambda: now)
    try:
        raise ConnectionError("refused")
    except ConnectionError:
        error = sys.exc_info()[1]
    first = record("Trouble", error=error)
    assert seldom.filter(first)
    assert (first.getMessage(), first.exc_info) == ("Trouble ConnectionError: refused", None)
    now += 59.9
    assert not seldom.filter(record("Trouble", error=error))
    assert seldom.filter(record("Other trouble"))
    now += 0.1
    assert seldom.filter(record("Trouble", error=error))
