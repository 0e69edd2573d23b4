"""Logs refused requests in one line a minute: anybody can send many of them, and Django logs a traceback for each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

REFUSALS = (BadRequest, MultiPartParserError, PermissionDenied, SuspiciousOperation)
"""The exceptions by which Django answers with 400 or 403: the client's fault, not the server's."""


QUIET_SECONDS = 60.0


class BriefRefusals(logging.Filter):
    """Passes one record a minute in which Django reports one of these exceptions, for each logger, without a traceback.

    A record of the server's about one of them is different: Django did not answer.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # Django has a logger for each class of such exceptions.
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record, and return whether it is logged."""
        is_of_django = record.name.startswith(("django.request", "django.security"))
        if not (is_of_django and record.exc_info and isinstance(record.exc_info[1], REFUSALS)):
            return True
        record.exc_info = record.exc_text = None
        now = self._clock()
        last = self._logged_at.get(record.name)
        if last is not None and now - last < QUIET_SECONDS:
            return False
        self._logged_at[record.name] = now
        return True
