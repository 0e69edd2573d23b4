"""Django's reports of errors, without secrets."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import RequestFactory, override_settings
from django.views.debug import get_exception_reporter_class, get_exception_reporter_filter

from live_inbox.error_reports import RedactingReporter, RedactingReporterFilter, before_send

pytestmark = pytest.mark.stack("embedded")

# Made here, because a report has lines of the source.
PLACES = ("query", "header", "cookie", "local", "nested", "message", "ticket")
SECRET = {place: f"zq7{place}" for place in PLACES}


def failing(token: str, headers: list[Any]) -> None:
    """Raise an exception beneath variables that hold secrets."""
    raise ValueError(f"cannot read token={SECRET['message']}, which has {len(token)} characters")


@pytest.mark.parametrize("debug", [True, False])
def test_a_report_has_no_secrets(debug: bool) -> None:
    request = RequestFactory().get(
        f"/?token={SECRET['query']}&ticket={SECRET['ticket']}&page=2",
        headers={
            "Authorization": f"Token {SECRET['header']}",
            "Cookie": f"sessionid={SECRET['cookie']}",
        },
    )
    with override_settings(DEBUG=debug):
        kind: Any = get_exception_reporter_class(request)
        assert kind is RedactingReporter
        assert isinstance(get_exception_reporter_filter(request), RedactingReporterFilter)
        try:
            failing(SECRET["local"], [(b"authorization", f"Bearer {SECRET['nested']}".encode())])
        except ValueError:
            reporter = kind(request, *sys.exc_info())
            page, text = reporter.get_traceback_html(), reporter.get_traceback_text()
    for shown in (page, text):
        assert "cannot read token=***" in shown
        assert not [secret for secret in SECRET.values() if secret in shown]
    assert "page" in page
    assert request.GET["token"] == SECRET["query"]


def test_variables_are_cleansed_for_reports_that_others_make() -> None:
    held = [f"Bearer {SECRET['nested']}"]
    harmless = ["nothing"]
    frame = sys._getframe()
    shown = dict(RedactingReporterFilter().get_traceback_frame_variables(None, frame))
    assert repr(shown["held"]) == "['Bearer ***']"
    assert shown["harmless"] is harmless
    assert SECRET["nested"] in held[0]


def _sentry_event(module: str, **variables: str) -> dict[str, Any]:
    frame = {"module": module, "function": "send", "vars": {"title": "'Paid'", **variables}}
    return {
        "exception": {"values": [{"type": "KeyError", "stacktrace": {"frames": [frame]}}]},
        "request": {
            "url": "https://example.com/graphql/?token=abcdefghij",
            "headers": {"Authorization": "Bearer abcdefghij", "Accept": "*/*"},
            "data": {"query": "mutation { send }"},
            "cookies": {"sessionid": "abcdefghij"},
        },
        "breadcrumbs": {"values": [{"message": "GET /ws/?token=abcdefghij", "level": "info"}]},
        "extra": {"count": 7},
    }


def test_an_event_of_sentry_about_our_code_has_no_variables_no_body_and_no_secrets() -> None:
    assert before_send(_sentry_event("live_inbox.services.sending"), {}) == {
        "exception": {
            "values": [
                {
                    "type": "KeyError",
                    "stacktrace": {
                        "frames": [{"module": "live_inbox.services.sending", "function": "send"}]
                    },
                }
            ]
        },
        "request": {
            "url": "https://example.com/graphql/?token=***",
            "headers": {"Authorization": "***", "Accept": "*/*"},
        },
        "breadcrumbs": {"values": [{"message": "GET /ws/?token=***", "level": "info"}]},
        "extra": {"count": 7},
    }


@pytest.mark.parametrize(
    ("module", "variables", "is_ours"),
    [
        ("live_inbox_graphql.changes", {}, True),
        ("django.dispatch", {"sender": "<class 'live_inbox.models.Notification'>"}, True),
        ("django.dispatch", {"sender": "<class 'shop.models.Order'>"}, False),
        ("live_inboxes.views", {}, False),
        ("shop.views", {}, False),
    ],
)
def test_variables_of_other_code_stay_in_an_event_of_sentry(
    module: str, variables: dict[str, str], is_ours: bool
) -> None:
    event = before_send(_sentry_event(module, **variables), {})
    (frame,) = event["exception"]["values"][0]["stacktrace"]["frames"]
    assert ("vars" in frame, "data" in event["request"]) == (not is_ours, not is_ours)


def test_an_event_of_sentry_without_an_exception_stays_as_it_is() -> None:
    event: dict[str, Any] = {
        "message": "Hello",
        "level": "error",
        "exception": None,
        "threads": {"values": []},
    }
    assert before_send(dict(event), {}) == event
