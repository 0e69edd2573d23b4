"""What processes cost: processor time and memory of a process and all its descendants; and where they may run."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable

import psutil

QUIET_SHARE = 0.03
QUIET_SECONDS = 0.5
QUIET_LIMIT_SECONDS = 60.0


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the user and system time that process trees have used so far, processes that have ended included.

    Each connection to PostgreSQL is a process.
    """
    total = 0.0
    for pid in pids:
        for process in family(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
    return total


def idle_seconds(processors: set[int]) -> float:
    """Return how long processors have had nothing to do so far; all of them, if none are named."""
    times = psutil.cpu_times(percpu=True)
    chosen = [times[number] for number in processors if number < len(times)] or times
    return float(sum(each.idle + getattr(each, "iowait", 0.0) for each in chosen))


def pss_bytes(pids: Iterable[int]) -> int:
    """Return the memory of process trees, pages that several processes share divided among them."""
    total = 0
    for pid in pids:
        for process in family(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
    return total


def pin(pid: int, processors: set[int]) -> None:
    """Let all threads of a process tree run on these processors only, where the system can do that."""
    if not processors or not hasattr(os, "sched_setaffinity"):
        return
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.id, processors)


async def quiet(pids: Iterable[int]) -> None:
    """Return when process trees have nothing left to do."""
    pids = list(pids)
    used = cpu_seconds(pids)
    async with asyncio.timeout(QUIET_LIMIT_SECONDS):
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            before, used = used, cpu_seconds(pids)
            if used - before <= QUIET_SHARE * QUIET_SECONDS:
                return
