"""What does the work in the simulation: processor cores with a queue, and a database whose queries come in batches."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, Any]
"""A process of SimPy."""

URGENT, USUAL = 0, 1
"""Who goes first where several wait for a core; those who are equal go in the order of their coming."""


class Cores:
    """Some equal cores with one queue, and what they have done so far.

    `busy` are seconds of one core, `done` jobs, and `present_seconds` the time that jobs have spent here, their waits
    included: all of jobs that are finished.
    """

    def __init__(self, env: simpy.Environment, count: int = 1) -> None:
        self.env = env
        self.count = count
        self._turns = simpy.PriorityResource(env, count)
        self.busy = 0.0
        self.done = 0
        self.present_seconds = 0.0
        self.waited_seconds = 0.0

    def work(self, seconds: float, priority: int = USUAL) -> Steps:
        """Wait for a core, and keep it for so long."""
        came = self.env.now
        with self._turns.request(priority) as turn:
            yield turn
            self.waited_seconds += self.env.now - came
            yield self.env.timeout(seconds)
        self.busy += seconds
        self.done += 1
        self.present_seconds += self.env.now - came

    def work_within(self, seconds: float, patience: float) -> Steps:
        """Do the same, but give up the wait after `patience` seconds; returns whether the work was done."""
        came = self.env.now
        with self._turns.request(USUAL) as turn:
            yield turn | self.env.timeout(patience)
            if not turn.triggered:
                return False
            self.waited_seconds += self.env.now - came
            yield self.env.timeout(seconds)
        self.busy += seconds
        self.done += 1
        self.present_seconds += self.env.now - came
        return True

    @property
    def present(self) -> int:
        """How many jobs are here now, waiting or at a core."""
        return len(self._turns.users) + len(self._turns.queue)

    def utilisation(self, seconds: float) -> float:
        """Return which share of the cores' time was used within so many seconds."""
        return self.busy / (seconds * self.count)


class Fluid:
    """The same cores for whole batches: work is divided among all of them, as far as it can be.

    For models in which one stands for many: `parts` equal jobs come at once, each of which one core can do.
    """

    def __init__(self, env: simpy.Environment, count: int) -> None:
        self.env = env
        self.count = count
        self.busy = 0.0
        self._free_at = 0.0

    def work(self, seconds_each: float, parts: float) -> Steps:
        """Wait until all parts are done."""
        began = max(self.env.now, self._free_at)
        total = seconds_each * parts
        self._free_at = began + total / self.count
        self.busy += total
        yield self.env.timeout(max(began + seconds_each, self._free_at) - self.env.now)
