"""A run through one door: attempt by attempt, each from a Random of its own, until there were enough inputs."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.fuzzing.door import Door
from tests.fuzzing.soundness import CPU_SECONDS, Unsound, Watch

REPEATS = 3
"""How often an attempt is repeated that has taken long. The shortest counts: the process does other things, too."""

WARM_UP = 0.2
"""The part of a run after which memory should not grow any more."""

MOST_FINDINGS = 20
"""How many are printed before a run ends."""

MOST_PRINTED = 4000
PROGRESS_SECONDS = 30.0


@dataclass
class Figures:
    """What a run has done."""

    inputs: int = 0
    attempts: int = 0
    slowest_cpu: float = 0.0
    slowest: int = 0
    """The number of the slowest attempt."""
    rss: tuple[int, int] = (0, 0)
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        before, after = (round(each / 1e6) for each in self.rss)
        cpu = f"slowest {self.slowest_cpu * 1000:.1f} ms of CPU (number {self.slowest})"
        return (
            f"{self.inputs} inputs in {self.attempts} attempts, {cpu}, RSS {before} to {after} MB"
        )


class FuzzingRun:
    """Attempts at one door. `is_long`: with processor time, memory after a warm-up, and all time limits awaited."""

    def __init__(self, door: Door, watch: Watch, *, seed: int, stack: str, is_long: bool) -> None:
        self._door = door
        self._watch = watch
        self._seed = seed
        self._stack = stack
        self._is_long = is_long
        self.figures = Figures()

    def send(self, inputs: int, first: int = 0) -> None:
        """Make attempts from a number on until there were so many inputs."""
        figures, number, is_warm = self.figures, first, False
        report = time.monotonic() + PROGRESS_SECONDS
        while figures.inputs < inputs and len(figures.findings) < MOST_FINDINGS:
            self._make(number)
            number += 1
            figures.attempts += 1
            if self._is_long and not is_warm and figures.inputs >= inputs * WARM_UP:
                is_warm = True
                self._watch.note_warm()
                figures.rss = (self._watch.rss(), 0)
            if time.monotonic() > report:
                report += PROGRESS_SECONDS
                print(f"{self._door.name}: {figures}", flush=True)
        self._end(number)
        figures.rss = (figures.rss[0], self._watch.rss())

    def _make(self, number: int) -> None:
        try:
            cpu = self._timed(number)
            if self._is_long and cpu > CPU_SECONDS:
                cpu = min(cpu, *(self._timed(number) for _ in range(REPEATS)))
            if cpu > self.figures.slowest_cpu:
                self.figures.slowest_cpu, self.figures.slowest = cpu, number
            if self._is_long and cpu > CPU_SECONDS:
                raise Unsound(f"{cpu * 1000:.0f} ms of CPU")
        except Exception as error:
            self._record(number, error)

    def _timed(self, number: int) -> float:
        """Make an attempt; return the processor time of its slowest answer, or more, if the others were ordinary."""
        before = self._watch.cpu_seconds() if self._is_long else 0.0
        inputs = self._door.attempt(Random(f"{self._seed}/{self._door.name}/{number}"))
        cpu = self._watch.cpu_seconds() - before if self._is_long else 0.0
        self.figures.inputs += inputs
        self._watch.check_log()
        return cpu - self._door.ordinary_cpu_seconds * (inputs - 1)

    def _end(self, number: int) -> None:
        try:
            self._door.finish(is_long=self._is_long)
            self._watch.check_end()
        except Exception as error:
            self._record(number, error)

    def _record(self, number: int, error: Exception) -> None:
        """Print a finding. Of the fuzzer's own faults, too: an attempt that counts for nothing proves nothing."""
        self.figures.inputs += 1
        replay = (
            f"python -m tests.fuzzing --door {self._door.name} --seed {self._seed} "
            f"--from {number} --inputs 1 --stack {self._stack}"
        )
        notes = "\n".join(getattr(error, "__notes__", ()))
        sent = f"sent: {self._door.sent!r:.{MOST_PRINTED}}"
        finding = f"{replay}\n  {type(error).__name__}: {str(error)[:MOST_PRINTED]}\n{notes}{sent}"
        self.figures.findings.append(finding)
        print(finding, flush=True)
        with suppress(Unsound):
            # What it has logged is no finding of the next attempt.
            self._watch.check_log()
