"""What must not get into the logs."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(\w*token=[\"']?)[^&\s\"']+", re.IGNORECASE)


class WithoutTokens(logging.Filter):
    """Strikes tokens out of addresses: the original protocol carries them in the query string."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its tokens."""
        try:
            message = record.getMessage()
        except Exception:
            # Its arguments do not fit. The handler reports that; a filter that raises would break the caller.
            return True
        if "token=" in message.lower():
            record.msg = _TOKEN.sub(r"\1***", message)
            record.args = ()
        return True
