"""Plants one bug after the other, and reports those that no test has caught."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import get_args

from tests.planted.checkout_copy import CheckoutCopy, PytestRun
from tests.planted.planted_bug import PlantedBug
from tests.stacks.stack import StackName

LIMIT_SECONDS = 60.0
"""In this time a bug has to be caught."""
BASELINE_SECONDS = 1200.0

_ALL_PASSED, _SOME_FAILED = 0, 1
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::\S+)", re.MULTILINE)


class NotProvable(Exception):
    """Raised when the tests fail without any bug, or do not run in the copy: then nothing can be proved."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a planted bug: the test that has caught it, or why it counts as missed."""

    bug: PlantedBug
    seconds: float
    caught_by: str = ""
    missed: str = ""

    def __str__(self) -> str:
        """One line, and for a bug that was missed what is broken."""
        if self.missed:
            return f"MISSED  {self.seconds:5.1f} s  {self.bug.name}: {self.missed}\n        {self.bug.breaks}"
        return f"caught  {self.seconds:5.1f} s  {self.bug.name}: {self.caught_by}"


def prove(
    bugs: Sequence[PlantedBug],
    *,
    jobs: int = 1,
    limit_seconds: float = LIMIT_SECONDS,
    report: Callable[[str], None] = print,
) -> list[Outcome]:
    """Plant each bug in a copy of the checkout and run its tests; return the outcomes in the order of the bugs.

    Raises Stale for a bug that does not fit the code, and NotProvable when its tests fail without it.
    """
    with _copies(min(jobs, len(bugs))) as copies:
        for bug in bugs:
            with copies[0].planted(bug):
                """It fits."""
        _check_baseline(copies[0], bugs, report)
        free: SimpleQueue[CheckoutCopy] = SimpleQueue()
        for each in copies:
            free.put(each)

        def one(bug: PlantedBug) -> Outcome:
            copy = free.get()
            try:
                outcome = _outcome(copy, bug, limit_seconds)
            finally:
                free.put(copy)
            report(str(outcome))
            return outcome

        with ThreadPoolExecutor(len(copies)) as workers:
            try:
                return list(workers.map(one, bugs))
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                for each in copies:
                    each.stop()
                raise


@contextmanager
def _copies(count: int) -> Iterator[list[CheckoutCopy]]:
    with tempfile.TemporaryDirectory(prefix="planted-", ignore_cleanup_errors=True) as directory:
        copies = [CheckoutCopy(Path(directory) / str(number)) for number in range(count)]
        if not copies[0].imports_itself():
            raise NotProvable("Python does not import the copy of the checkout.")
        yield copies


def _check_baseline(
    copy: CheckoutCopy, bugs: Sequence[PlantedBug], report: Callable[[str], None]
) -> None:
    """Run all tests without any bug: a test that fails by itself would seem to catch everything."""
    for stack in get_args(StackName):
        tests = sorted({test for bug in bugs if bug.stack == stack for test in bug.caught_by})
        if not tests:
            continue
        run = copy.run(stack, tests, limit_seconds=BASELINE_SECONDS)
        if run.status != _ALL_PASSED:
            raise NotProvable(
                f"Without a bug, the tests do not pass ({stack}):\n\n{run.output[-10_000:]}"
            )
        report(
            f"passed  {run.seconds:5.1f} s  without a bug: {len(tests)} selections of tests, {stack}"
        )


def _outcome(copy: CheckoutCopy, bug: PlantedBug, limit_seconds: float) -> Outcome:
    with copy.planted(bug):
        run = copy.run(bug.stack, bug.caught_by, limit_seconds=limit_seconds)
    return Outcome(bug, run.seconds, caught_by=_caught_by(run), missed=_missed(run, limit_seconds))


def _caught_by(run: PytestRun) -> str:
    failed = _FAILED.search(run.output)
    return failed[1] if failed and run.status == _SOME_FAILED else ""


def _missed(run: PytestRun, limit_seconds: float) -> str:
    if run.status is None:
        return f"no test has failed within {limit_seconds:g} s"
    if run.status == _ALL_PASSED:
        return "all tests pass"
    if run.status != _SOME_FAILED or not _FAILED.search(run.output):
        return f"pytest ended with {run.status}:\n{run.output[-3000:]}"
    return ""
