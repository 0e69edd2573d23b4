"""Logs a refused request in one line: anybody can send many of them, and Django logs a traceback for each."""

from __future__ import annotations

import logging

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

REFUSALS = (BadRequest, MultiPartParserError, PermissionDenied, SuspiciousOperation)
"""The exceptions by which Django answers with 400 or 403: the client's fault, not the server's."""


class WithoutTracebacksOfRefusals(logging.Filter):
    """Removes the traceback of a record in which Django reports one of these exceptions.

    A record of the server's about one of them is different: Django did not answer.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record, and return True."""
        is_of_django = record.name.startswith(("django.request", "django.security"))
        if is_of_django and record.exc_info and isinstance(record.exc_info[1], REFUSALS):
            record.exc_info = record.exc_text = None
        return True
