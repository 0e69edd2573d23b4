"""Redacts tokens in log records, and shortens long ones: clients decide what many of them contain."""

from __future__ import annotations

import logging
import re

# Linear in the length of the text: it begins with a literal. With `\w*` in front it would be quadratic.
_TOKEN = re.compile(r"(token=[\"']?)[^&\s\"']+", re.IGNORECASE)

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
)
"""The loggers of ASGI servers. A filter sees the records of its own logger alone, not those of loggers below it."""


class RedactTokens(logging.Filter):
    """Replaces tokens in URLs with `***`: the JSON API carries them in the query string. Cuts off long messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact and shorten the record, and return True."""
        try:
            message = record.getMessage()
            if len(message) > LONGEST_MESSAGE or "token=" in message.lower():
                _redact(record)
        except Exception:
            # The arguments do not match the format. The handler reports that; an exception here would reach the caller.
            return True
        return True


def _redact(record: logging.LogRecord) -> None:
    # The arguments first: formatters of access logs read them, and not the message.
    if isinstance(record.args, tuple):
        record.args = tuple(
            _redacted(each, LONGEST_ARGUMENT) if isinstance(each, str) else each
            for each in record.args
        )
    message = record.getMessage()
    redacted = _redacted(message, LONGEST_MESSAGE)
    if message != redacted:
        record.msg = redacted
        record.args = ()


def _redacted(text: str, longest: int) -> str:
    # Cut first, so that a token at the cut is redacted too.
    redacted = _TOKEN.sub(r"\1***", text[:longest])
    return f"{redacted} [cut off]" if len(text) > longest else redacted


def redact_server_logs() -> None:
    """Redact tokens in the logs of the ASGI server. Calling it again does no harm."""
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactTokens) for each in logger.filters):
            logger.addFilter(RedactTokens())
