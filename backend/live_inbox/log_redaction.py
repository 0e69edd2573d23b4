"""Redacts secrets in log records, and shortens long ones: clients decide what many of them contain."""

from __future__ import annotations

import logging
import re

from live_inbox.redaction import REDACTED, redacted

LONGEST_MESSAGE = 16_384
LONGEST_ARGUMENT = 8192
"""Characters of a message, and of one of its arguments. The rest is cut off: a request line may have 32 kB."""

SERVER_LOGGERS = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "uvicorn.sockets",
    "daphne.server",
    "daphne.http_protocol",
    "daphne.ws_protocol",
    "django.channels.server",
    "django.server",
    "hypercorn.error",
    "hypercorn.access",
    "_granian",
    "granian.access",
    "gunicorn.error",
    "gunicorn.access",
    "websockets.server",
    "websockets.protocol",
    "asyncio",
    "django.request",
    "django.security.DisallowedHost",
    "django.security.csrf",
    "strawberry.execution",
)
"""The loggers of ASGI servers, and others that log what clients send.

A filter sees the records of its own logger alone, not those of loggers below it.
"""


_DATABASE_LOGGER = "django.db.backends"
_SQL_TEXT = re.compile(r"'[^']*'")


class RedactTokens(logging.Filter):
    """Replaces secrets by `***`, in tracebacks as well: tokens, tickets, cookies, passwords. Cuts off long messages.

    Statements of the database lose their parameters, which may be the key of a session or a password.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact and shorten the record, and return True."""
        try:
            _redact_message(record)
            _redact_traceback(record)
        except Exception:
            # The arguments do not match the format. The handler reports that; an exception here would reach the caller.
            record.args = _without_secrets(record.args)
        return True


def _redact_message(record: logging.LogRecord) -> None:
    if record.name == _DATABASE_LOGGER:
        _redact_statement(record)
    message = record.getMessage()
    shown = _shown(message, LONGEST_MESSAGE)
    if message == shown:
        return
    # The arguments first: formatters of access logs read them, and not the message.
    record.args = _without_secrets(record.args)
    if record.getMessage() != shown:
        record.msg, record.args = shown, ()


def _redact_statement(record: logging.LogRecord) -> None:
    """Take the parameters from Django's record of a statement: duration, statement, parameters, alias."""
    if isinstance(record.args, tuple) and len(record.args) == 4:
        duration, statement, _, alias = record.args
        statement = _SQL_TEXT.sub(f"'{REDACTED}'", str(statement))
        record.args = (duration, statement, REDACTED, alias)
        record.__dict__ |= {"sql": statement, "params": REDACTED}


def _redact_traceback(record: logging.LogRecord) -> None:
    if record.exc_info and record.exc_info[0] is not None:
        text = record.exc_text or _formatter.formatException(record.exc_info)
        if (shown := redacted(text)) != text:
            # Formatters print this text, and have no exception to make another one of.
            record.exc_text, record.exc_info = shown, None
    if record.stack_info:
        record.stack_info = redacted(record.stack_info)


def _without_secrets(arguments: object) -> tuple[object, ...] | None:
    if not isinstance(arguments, tuple):
        return None
    return tuple(
        _shown(each, LONGEST_ARGUMENT) if isinstance(each, str) else each for each in arguments
    )


def _shown(text: str, longest: int) -> str:
    # Cut first, so that a secret at the cut is redacted too.
    shown = redacted(text[:longest])
    return f"{shown} [cut off]" if len(text) > longest else shown


_formatter = logging.Formatter()


def redact_server_logs() -> None:
    """Redact secrets in the logs of the ASGI server and of what else logs requests. Calling it again does no harm."""
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactTokens) for each in logger.filters):
            logger.addFilter(RedactTokens())
