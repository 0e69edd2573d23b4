"""What the site logs about requests that Django refuses."""

from __future__ import annotations

import logging
import sys

import pytest
from django.core.exceptions import TooManyFieldsSent

from live_inbox_site.log_refusals import QUIET_SECONDS, BriefRefusals

pytestmark = pytest.mark.stack("embedded")


def record_of(
    error: Exception, logger: str = "django.security.TooManyFieldsSent"
) -> logging.LogRecord:
    """Return the record of an exception."""
    try:
        raise error
    except Exception:
        return logging.LogRecord(logger, logging.ERROR, "x", 1, "refused", (), sys.exc_info())


def logged(error: Exception, logger: str = "django.security.TooManyFieldsSent") -> str:
    """Return what is logged of an exception."""
    record = record_of(error, logger)
    assert BriefRefusals().filter(record)
    return logging.Formatter().format(record)


def test_a_refusal_is_one_line() -> None:
    assert logged(TooManyFieldsSent("too many")) == "refused"


def test_many_refusals_are_one_line_a_minute() -> None:
    now = [1.0]
    refusals = BriefRefusals(clock=lambda: now[0])
    refused = TooManyFieldsSent("too many")
    assert [refusals.filter(record_of(refused)) for _ in range(3)] == [True, False, False]
    assert refusals.filter(record_of(refused, "django.security.RequestDataTooBig"))
    assert all(refusals.filter(record_of(ValueError("unexpected"))) for _ in range(3))
    now[0] += QUIET_SECONDS
    assert [refusals.filter(record_of(refused)) for _ in range(2)] == [True, False]


def test_an_error_of_the_server_keeps_its_traceback() -> None:
    assert "Traceback" in logged(ValueError("unexpected"))


def test_a_refusal_that_django_did_not_answer_keeps_its_traceback() -> None:
    assert "Traceback" in logged(TooManyFieldsSent("too many"), "uvicorn.error")
