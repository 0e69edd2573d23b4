"""What must not get into the logs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable

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


class OncePerMinute(logging.Filter):
    """Lets each message of a logger pass once a minute, its traceback shortened to a line.

    For libraries that report an outage every second, for as long as it lasts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass if its like has not passed for a minute."""
        now = self._clock()
        if now - self._passed.get(record.msg, -_MINUTE) < _MINUTE:
            return False
        self._passed[record.msg] = now
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.msg = f"{record.getMessage()} {type(error).__name__}: {error}"
            record.args = ()
            record.exc_info = None
        return True


_MINUTE = 60.0
