"""Says at the end of a run which test files have cost the most, so that a slow one is noticed when it is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from operator import itemgetter
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import pytest

from tests.stacks import warm_python

PROPERTY = "processor_seconds"


class FileTimes:
    """Adds up what each test file costs, in all workers, and lists the files that cost the most.

    Processor time is that of the worker, and of the processes that it has waited for: it depends little on what else
    the machine does. What a server does that a whole run shares, such as PostgreSQL, is not in it.
    """

    def __init__(self, listed: int) -> None:
        self._listed = listed
        self._processor = defaultdict[str, float](float)
        self._clock = defaultdict[str, float](float)
        self._before = 0.0

    def pytest_runtest_logstart(self) -> None:
        """Begin to measure a test."""
        self._before = _processor_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note in the report of each phase what it has cost; workers send reports to the process that prints."""
        report = yield
        now = _processor_seconds()
        report.user_properties.append((PROPERTY, now - self._before))
        self._before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what a phase of a test has cost to its file."""
        file = report.nodeid.partition("::")[0]
        self._clock[file] += report.duration
        for name, seconds in report.user_properties:
            if name == PROPERTY and isinstance(seconds, float):
                self._processor[file] += seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List the files that have cost the most processor time."""
        terminalreporter.section("costliest test files, in seconds")
        terminalreporter.write_line("processor  by the clock")
        costly = sorted(self._processor.items(), key=itemgetter(1), reverse=True)
        for file, seconds in costly[: self._listed]:
            terminalreporter.write_line(f"{seconds:9.1f}  {self._clock[file]:12.1f}  {file}")


def _processor_seconds() -> float:
    own, children = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    ended = children.ru_utime + children.ru_stime + warm_python.processor_seconds()
    return own.ru_utime + own.ru_stime + ended
