"""How many processors this process may use: those that it is scheduled on, and what its control groups grant it.

A container with a limit of two processors on a machine of 64 sees all 64; only its control group tells.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath


def usable_processors(root: Path = Path("/")) -> int:
    """Return how many processors there are for this process, at least one. `root`: where `proc` and `sys` are."""
    quotas = [int(quota) for quota in _quotas(root)]
    return max(1, min([_scheduled(), *quotas]))


def _scheduled() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return os.cpu_count() or 1 if affinity is None else len(affinity(0))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the processors that this process's control groups grant, of both versions of control groups."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            number, controllers, group = line.split(":", 2)
            if number == "0":
                for directory in _with_parents(root / "sys/fs/cgroup", group):
                    yield from _quota_of_two(directory)
            elif "cpu" in controllers.split(","):
                for directory in _with_parents(root / "sys/fs/cgroup/cpu", group):
                    yield from _quota_of_one(directory)


def _with_parents(mounted: Path, group: str) -> Iterator[Path]:
    """Yield the directories of a group and of those above it. In a container, only the last may be there."""
    path = PurePosixPath(group.lstrip("/"))
    for each in (path, *path.parents):
        yield mounted / each


def _quota_of_two(directory: Path) -> Iterator[float]:
    with suppress(OSError, ValueError):
        quota, period = (directory / "cpu.max").read_text().split()
        if quota != "max":
            yield int(quota) / int(period)


def _quota_of_one(directory: Path) -> Iterator[float]:
    with suppress(OSError, ValueError):
        quota = int((directory / "cpu.cfs_quota_us").read_text())
        if quota > 0:
            yield quota / int((directory / "cpu.cfs_period_us").read_text())
