"""Log records as lines of JSON, and what their context adds."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import pytest

from live_inbox import log_context
from live_inbox.database_threads import in_database_thread
from live_inbox.json_log import FIELDS, JsonLines
from live_inbox.log_context import LogContext


def line_of(message: str, *args: object, **attributes: Any) -> dict[str, Any]:
    """Return a record as the formatter writes it, read again."""
    record = logging.LogRecord("inbox.test", logging.WARNING, "x.py", 1, message, args, None)
    vars(record).update(attributes)
    text = JsonLines().format(record)
    assert "\n" not in text
    assert text.isascii()
    line: dict[str, Any] = json.loads(text)
    return line


def test_a_record_is_one_line_whatever_it_contains() -> None:
    line = line_of("%s said\n%s", "é", "\ud800 \u2028", created=1_772_366_400.25)
    assert line.pop("process") > 0
    assert line == {
        "time": "2026-03-01T12:00:00.250+00:00",
        "level": "WARNING",
        "logger": "inbox.test",
        "message": "é said\n\ud800 \u2028",
    }


def test_an_exception_is_named_and_has_its_traceback() -> None:
    try:
        raise LookupError("nothing there")
    except LookupError:
        line = line_of("Failed.", exc_info=sys.exc_info())
    assert line["error"] == "LookupError"
    assert line["traceback"].endswith("LookupError: nothing there")


def test_a_traceback_that_was_redacted_is_kept() -> None:
    assert line_of("Failed.", exc_text="ValueError: ***")["traceback"] == "ValueError: ***"


def test_fields_of_the_line_and_values_that_json_does_not_know() -> None:
    line = line_of("x", **{FIELDS: {"status": 200, "who": LookupError("x")}})
    assert (line["status"], line["who"]) == (200, "x")


async def test_tasks_and_database_threads_have_the_context_of_their_request() -> None:
    log_context.begin(LogContext("request", None, lambda: "r-1"))
    log_context.note_request("7", "Inbox")
    expected = {"request": "r-1", "user": "7", "operation": "Inbox"}

    def in_thread() -> dict[str, Any]:
        return line_of("x")

    async def in_task() -> dict[str, Any]:
        return line_of("x")

    for line in (await in_database_thread(in_thread), await asyncio.create_task(in_task())):
        assert line.items() >= expected.items()


async def test_operations_of_a_socket_have_its_id_and_their_own_names() -> None:
    log_context.begin(LogContext("socket", "graphql"))
    log_context.note_request("7", None)

    async def operation(name: str | None) -> dict[str, Any]:
        log_context.begin_operation(name)
        await asyncio.sleep(0)
        return line_of("x")

    first, second, without = await asyncio.gather(
        operation("First"), operation("Second"), operation(None)
    )
    socket = line_of("x")
    assert len(socket["socket"]) == 16
    assert {each["socket"] for each in (first, second, without)} == {socket["socket"]}
    assert [each.get("operation") for each in (first, second, without, socket)] == [
        "First",
        "Second",
        None,
        None,
    ]
    assert {each["user"] for each in (first, second, without)} == {"7"}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("query NamedOnly { viewer { id } }", "NamedOnly"),
        ("\n  # of a page\n mutation Mark_2($id: ID!) { markRead(id: $id) { id } }", "Mark_2"),
        ("fragment F on Viewer { id }, subscription Events { notificationEvents { x } }", "Events"),
        ("{ viewer { id } }", None),
        ("query { viewer { id } }", None),
        ("query($a: Int) { viewer { id } }", None),
        ("query A { a } query B { b }", None),
        ("fragment query on Viewer { id }", None),
        ("query " + "x" * 101, None),
        ("", None),
    ],
)
def test_the_name_of_an_operation_is_that_of_the_document(document: str, name: str | None) -> None:
    assert log_context.name_in(document) == name
    log_context.begin(LogContext("request"))
    log_context.note_request("7", None, document)
    assert line_of("x").get("operation") == name
    log_context.note_request("7", "Chosen", document)
    assert line_of("x")["operation"] == "Chosen"
    log_context.begin(LogContext("socket", "graphql"))
    log_context.begin_operation(None, document)
    assert line_of("x").get("operation") == name
    log_context._current.set(None)


@pytest.mark.parametrize("name", ["", "a b", 'x"', "x" * 101, "é", "a\n"])
def test_what_is_no_name_of_an_operation_is_not_logged(name: str) -> None:
    assert log_context.operation_name(name) is None


def test_outside_of_requests_there_is_no_context() -> None:
    assert log_context.current() is None
    log_context.note_request("7", "Inbox")
    log_context.begin_operation("Inbox")
    assert log_context.current() is None
