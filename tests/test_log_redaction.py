"""Redaction of tokens in log records."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from live_inbox.conf import InboxSettings
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
        caplog.set_level(logging.ERROR, logger=name)
        logger.addHandler(caplog.handler)
        logger.error("GET %s", "/ws/notifications/?token=abc")
        logger.removeHandler(caplog.handler)
        assert {each.getMessage() for each in caplog.records} == {
            "GET /ws/notifications/?token=***"
        }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("> authorization: Token 0123456789", "> authorization: ***"),
        ("Cookie: sessionid=abcdefgh; theme=dark", "Cookie: ***"),
        ("(b'authorization', b'Token 0123456789'), (b'host', b'x')", "(b'authorization', b'***'), (b'host', b'x')"),
        ("{'HTTP_COOKIE': 'a=b', 'PATH': '/'}", "{'HTTP_COOKIE': '***', 'PATH': '/'}"),
        ('{"payload":{"authToken":"abc"}}', '{"payload":{"authToken":"***"}}'),
        ('"{\\"token\\":\\"abc\\"}"', '"{\\"token\\":\\"***\\"}"'),
        ("graphql-transport-ws, bearer.abc-123.x", "graphql-transport-ws, bearer.***"),
        ("refused Bearer abc12345, again", "refused Bearer ***, again"),
        ("/?ticket=abc&a=1", "/?ticket=***&a=1"),
        ("/?%74oken=abc&a=1", "/?%74oken=***&a=1"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.sig_-9 y", "x *** y"),
        ("redis://:pa55@host:6379/0", "redis://:***@host:6379/0"),
        ("postgres://me:pa55@host/db", "postgres://me:***@host/db"),
        ("no token zq7Xk9mm of ('zq7Xk9mm',)", "no token *** of ('***',)"),
        ("a token that is malformed, and no secrets", "a token that is malformed, and no secrets"),
        ("https://example.com:8000/a?b=c", "https://example.com:8000/a?b=c"),
    ],
)  # fmt: skip
def test_secrets_are_found_however_they_are_written(text: str, shown: str) -> None:
    line = record("%s", text)
    assert RedactTokens().filter(line)
    assert line.getMessage() == shown


def test_tracebacks_are_redacted() -> None:
    try:
        raise ValueError("no such token=abc")
    except ValueError as error:
        line = record("Failed.", error=error)
    RedactTokens().filter(line)
    text = logging.Formatter().format(line)
    assert "ValueError: no such token=***" in text
    assert "abc" not in text


def test_a_traceback_without_secrets_keeps_its_exception() -> None:
    error = ValueError("x")
    line = record("Failed.", error=error)
    RedactTokens().filter(line)
    assert line.exc_info is not None
    assert line.exc_info[1] is error


def test_a_record_with_invalid_arguments_shows_no_secret() -> None:
    """The standard library prints the message and the arguments of such a record."""
    line = record("%d %s", "token=abc")
    RedactTokens().filter(line)
    assert "abc" not in repr((line.msg, line.args))


def test_statements_are_logged_without_their_parameters() -> None:
    sql = "SELECT 1 FROM django_session WHERE session_key = 'abcdefgh'"
    line = record("(%.3f) %s; args=%s; alias=%s", 0.1, sql, ("abcdefgh",), "default")
    line.name = "django.db.backends"
    line.__dict__ |= {"sql": sql, "params": ("abcdefgh",)}
    RedactTokens().filter(line)
    assert "session_key = '***'" in line.getMessage()
    assert "abcdefgh" not in repr(vars(line))


def test_the_secrets_of_the_settings_are_known() -> None:
    with override_settings(
        SECRET_KEY="the secret key itself", LIVE_INBOX={"METRICS_TOKEN": "12345678"}
    ):
        line = record("%s and %s", "the secret key itself", "12345678")
        RedactTokens().filter(line)
        assert line.getMessage() == "*** and ***"


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(
        InboxSettings(jwt_secret="a1b2c3", metrics_token="d4e5f6", jwt_previous_secrets=["g7"])
    )
    assert not [secret for secret in ("a1b2c3", "d4e5f6", "g7") if secret in shown]


def test_the_site_has_no_handler_without_the_filter() -> None:
    """With DEBUG, Django's logger has a handler of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _UNFILTERED_HANDLERS],
        cwd=Path(__file__).resolve().parents[1],
        env={**os.environ, "ENVIRONMENT": "development"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


_UNFILTERED_HANDLERS = """
import logging, os
os.environ["DJANGO_SETTINGS_MODULE"] = "live_inbox_site.settings"
import django
django.setup()
from live_inbox.log_redaction import RedactTokens
named = {"root": logging.root, **logging.root.manager.loggerDict}
print([
    name
    for name, logger in named.items()
    for handler in getattr(logger, "handlers", ())
    if not isinstance(handler, logging.NullHandler)
    and not any(isinstance(each, RedactTokens) for each in handler.filters)
])
"""
