from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry, Counter
from redis.sentinel import MasterNotFoundError, Sentinel

from live_inbox.faults import Fault, RecurringFault, in_one_line

pytestmark = pytest.mark.stack("embedded")


@pytest.fixture
def counter() -> Counter:
    return Counter("failures", "Failures.", registry=CollectorRegistry())


def failures(counter: Counter) -> float:
    (metric,) = counter.collect()
    return next(sample.value for sample in metric.samples if sample.name == "failures_total")


def test_an_outage_is_logged_at_its_start_and_end_and_each_failure_is_counted(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault("coffee machine", counter)
    with caplog.at_level(logging.DEBUG):
        fault.recovered()
        for _ in range(3):
            fault.report(ConnectionError("no water"))
        fault.report(TimeoutError())
        fault.recovered()
        fault.recovered()
        fault.report(OSError("no beans"))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "The coffee machine fails: ConnectionError: no water"),
        ("WARNING", "The coffee machine works again after 4 failures."),
        ("WARNING", "The coffee machine fails: OSError: no beans"),
    ]
    assert failures(counter) == 5


class AuthenticationError(ConnectionError):
    """Named as redis-py's."""


def test_a_refusal_is_logged_once_even_if_something_else_came_first(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault("coffee machine", counter)
    for _ in range(2):
        fault.report(ConnectionError("closed"))
        fault.report(AuthenticationError("wrong password"))
        fault.report(AuthenticationError("wrong password"))
        fault.recovered()
    lines = [record.getMessage() for record in caplog.records]
    assert lines == 2 * [
        "The coffee machine fails: ConnectionError: closed",
        "The coffee machine fails: AuthenticationError: wrong password",
        "The coffee machine works again after 3 failures.",
    ]


def test_a_fault_knows_whether_the_last_attempt_failed(counter: Counter) -> None:
    fault = Fault("coffee machine", counter)
    seen = [fault.is_on]
    fault.report(OSError())
    seen.append(fault.is_on)
    fault.recovered()
    seen.append(fault.is_on)
    assert seen == [False, True, False]


def test_an_outage_without_a_known_end_is_logged_once_a_minute(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    fault = RecurringFault("coffee machine", counter, clock=lambda: now)
    for seconds in (0, 1, 58.9, 0.1, 30, 3600):
        now += seconds
        fault.report(ConnectionError("no water"))
    assert [record.getMessage() for record in caplog.records] == [
        "The coffee machine fails: ConnectionError: no water",
        "The coffee machine fails: ConnectionError: no water (2 more since the last line)",
        "The coffee machine fails: ConnectionError: no water (1 more since the last line)",
    ]
    assert failures(counter) == 6


def test_an_error_of_several_hosts_is_one_line_with_all_of_them() -> None:
    error = psycopg.OperationalError(
        'connection failed: connection to server at "two", port 1 failed: session is read-only\n'
        "Multiple connection attempts failed. All failures were:\n"
        "- host: 'one', port: '1', hostaddr: '192.0.2.1': connection timeout expired\n"
        "- host: 'two', port: '1', hostaddr: '192.0.2.2': connection failed: connection to server at "
        '"two", port 1 failed: session is read-only'
    )
    assert in_one_line(error) == (
        "OperationalError: host: 'one', port: '1', hostaddr: '192.0.2.1': connection timeout expired; "
        'connection to server at "two", port 1 failed: session is read-only'
    )


def test_a_sentinel_that_is_away_is_named_by_its_address() -> None:
    addresses = [("127.0.0.1", 1), ("127.0.0.1", 2)]
    sentinels: Any = Sentinel(addresses, sentinel_kwargs={"retry": None})  # type: ignore[no-untyped-call]
    with pytest.raises(MasterNotFoundError) as raised:
        sentinels.discover_master("main")
    line = in_one_line(raised.value)
    start = "MasterNotFoundError: No master found for 'main' : 127.0.0.1:1 "
    assert line.startswith(start)
    assert ", 127.0.0.1:2 " in line
    assert "<" not in line


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError(), "ValueError: "), (OSError("first\nsecond"), "OSError: first")],
)
def test_other_errors_have_their_first_line(error: Exception, line: str) -> None:
    assert in_one_line(error) == line
