"""Redaction of tokens in log records."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from live_inbox.log_redaction import (
    LONGEST_ARGUMENT,
    LONGEST_MESSAGE,
    SERVER_LOGGERS,
    RedactTokens,
    redact_server_logs,
)

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


def test_the_arguments_are_redacted_where_a_formatter_reads_them() -> None:
    access = ("127.0.0.1:9", "GET", "/demo?token=abc", "1.1", 200)
    line = record('%s - "%s %s HTTP/%s" %d', *access)
    RedactTokens().filter(line)
    assert line.args == ("127.0.0.1:9", "GET", "/demo?token=***", "1.1", 200)


def test_long_messages_are_cut_off_and_a_token_at_the_cut_is_redacted() -> None:
    start = "/?" + "x" * (LONGEST_ARGUMENT - 20) + "&token="
    line = record("GET %s", start + "s" * 50_000)
    assert RedactTokens().filter(line)
    assert line.getMessage() == f"GET {start}*** [cut off]"
    line = record("x" * 50_000)
    assert RedactTokens().filter(line)
    assert line.getMessage() == "x" * LONGEST_MESSAGE + " [cut off]"
    line = record("x" * LONGEST_MESSAGE)
    assert RedactTokens().filter(line)
    assert line.getMessage() == "x" * LONGEST_MESSAGE


@pytest.fixture
def _as_before() -> Iterator[None]:
    """Take the filters away again."""
    filters = {name: list(logging.getLogger(name).filters) for name in SERVER_LOGGERS}
    yield
    for name, before in filters.items():
        logging.getLogger(name).filters[:] = before


@pytest.mark.usefixtures("_as_before")
def test_the_logs_of_servers_are_redacted_once(caplog: pytest.LogCaptureFixture) -> None:
    redact_server_logs()
    redact_server_logs()
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        assert [type(each) for each in logger.filters] == [RedactTokens]
        caplog.clear()
        logger.addHandler(caplog.handler)
        logger.error("GET %s", "/ws/notifications/?token=abc")
        logger.removeHandler(caplog.handler)
        assert {each.getMessage() for each in caplog.records} == {
            "GET /ws/notifications/?token=***"
        }
