"""What the site logs about requests that Django refuses."""

from __future__ import annotations

import logging
import sys

import pytest
from django.core.exceptions import TooManyFieldsSent

from live_inbox_site.log_refusals import WithoutTracebacksOfRefusals

pytestmark = pytest.mark.stack("embedded")


def logged(error: Exception, logger: str = "django.security.TooManyFieldsSent") -> str:
    """Return what is logged of an exception."""
    try:
        raise error
    except Exception:
        record = logging.LogRecord(logger, logging.ERROR, "x", 1, "refused", (), sys.exc_info())
    assert WithoutTracebacksOfRefusals().filter(record)
    return logging.Formatter().format(record)


def test_a_refusal_is_one_line() -> None:
    assert logged(TooManyFieldsSent("too many")) == "refused"


def test_an_error_of_the_server_keeps_its_traceback() -> None:
    assert "Traceback" in logged(ValueError("unexpected"))


def test_a_refusal_that_django_did_not_answer_keeps_its_traceback() -> None:
    assert "Traceback" in logged(TooManyFieldsSent("too many"), "uvicorn.error")
