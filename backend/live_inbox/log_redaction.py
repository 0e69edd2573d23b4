"""Redacts tokens in log records."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(\w*token=[\"']?)[^&\s\"']+", re.IGNORECASE)


class RedactTokens(logging.Filter):
    """Replaces tokens in URLs with `***`: the JSON API carries them in the query string."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record, and return True."""
        try:
            message = record.getMessage()
        except Exception:
            # The arguments do not match the format. The handler reports that; an exception here would reach the caller.
            return True
        if "token=" in message.lower():
            record.msg = _TOKEN.sub(r"\1***", message)
            record.args = ()
        return True
