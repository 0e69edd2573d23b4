"""A clock that can be set wrong while the process runs, as an operator or a time server does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

POLL_SECONDS = 0.1


class Offset:
    """By how many seconds the clock is wrong, read from a file now and then; 0 if there is none."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._poll_at = clock()
        self._seconds = 0.0
        self._seconds = self._read()

    def seconds(self) -> float:
        """Return it."""
        if self._clock() >= self._poll_at:
            self._poll_at = self._clock() + POLL_SECONDS
            self._seconds = self._read()
            if self._seconds:
                # Counted where all processes count it, by the size of a file: how often somebody read a wrong clock.
                with (
                    suppress(OSError),
                    self._file.with_name(f"{self._file.name}.read").open("a") as count,
                ):
                    count.write(".")
        return self._seconds

    def _read(self) -> float:
        try:
            return float(self._file.read_text() or 0)
        except FileNotFoundError:
            return 0.0
        except OSError:
            # Another fault has taken the process's descriptors.
            return self._seconds


def install(file: Path) -> None:
    """Make `time.time` and Django's clock return the wrong time of day. Monotonic clocks stay right."""
    offset = Offset(file)
    true_time, true_now = time.time, timezone.now

    def wrong_time() -> float:
        return true_time() + offset.seconds()

    def wrong_now() -> datetime:
        return true_now() + timedelta(seconds=offset.seconds())

    time.time = wrong_time
    timezone.now = wrong_now
