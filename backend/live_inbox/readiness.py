"""What runs in this process, and when each part last finished a round: for the answer of `/readyz`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartReport:
    """The state of one part: seconds since its last round, None before the first, and how many there may be."""

    age: float | None
    limit: float
    is_late: bool


class Part:
    """A part of the program that does its work in rounds."""

    def __init__(self, limit_seconds: float, monotonic: Callable[[], float]) -> None:
        self._limit = limit_seconds
        self._monotonic = monotonic
        self._started_at = monotonic()
        self._finished_at: float | None = None

    def finished(self) -> None:
        """Note that a round has succeeded."""
        self._finished_at = self._monotonic()

    def report(self) -> PartReport:
        """Return the state. Before its first round, a part has as long as between two."""
        now = self._monotonic()
        since = self._started_at if self._finished_at is None else self._finished_at
        age = None if self._finished_at is None else now - self._finished_at
        return PartReport(age, self._limit, is_late=now - since > self._limit)


class Readiness:
    """The parts of one running inbox."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._parts: dict[str, Part] = {}
        self.is_layer_failing: Callable[[], bool] | None = None
        """Whether the last attempt to use the channel layer failed; None without a layer."""

    def part(self, name: str, *, every_seconds: float) -> Part:
        """Return a new part whose rounds begin so often. It is late after two of them and five seconds."""
        part = self._parts[name] = Part(2 * every_seconds + 5, self._monotonic)
        return part

    def reports(self) -> dict[str, PartReport]:
        """Return the state of each part."""
        return {name: part.report() for name, part in self._parts.items()}


_running: list[Readiness] = []


@contextmanager
def reporting(readiness: Readiness) -> Iterator[None]:
    """Let `running` return these parts, too, while in the block."""
    _running.append(readiness)
    try:
        yield
    finally:
        _running.remove(readiness)


def running() -> tuple[Readiness, ...]:
    """Return the parts of each inbox that runs in this process: none in one that serves no sockets."""
    return tuple(_running)


_draining: list[object] = []


@contextmanager
def draining() -> Iterator[None]:
    """Have `/readyz` answer 503 while in the block: the server is about to end."""
    mark = object()
    _draining.append(mark)
    try:
        yield
    finally:
        _draining.remove(mark)


def is_draining() -> bool:
    """Return whether a server of this process is about to end."""
    return bool(_draining)
