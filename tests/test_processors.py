"""The number of processors, from the files that the system shows to a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from live_inbox_site.processors import usable_processors

SCHEDULED = len(os.sched_getaffinity(0))


def machine(root: Path, files: dict[str, str]) -> Path:
    """Make the files of a machine below a directory."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def granted(root: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the processors of a machine of 64."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    return usable_processors(machine(root, files))


CASES = {
    "no control groups": ({}, 64),
    "without a limit": (
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"},
        64,
    ),
    "a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
    "a part is none": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "350000 100000"}, 3),
    "at least one": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000"}, 1),
    "the least of a service and its slice": (
        {
            "proc/self/cgroup": "0::/system.slice/inbox.service\n",
            "sys/fs/cgroup/system.slice/inbox.service/cpu.max": "800000 100000",
            "sys/fs/cgroup/system.slice/cpu.max": "200000 100000",
        },
        2,
    ),
    "the first version": (
        {
            "proc/self/cgroup": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "the first version, seen from within": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "500000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        5,
    ),
    "the first version, without a limit": (
        {
            "proc/self/cgroup": "4:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        64,
    ),
    "nonsense": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "a lot"}, 64),
}


@pytest.mark.parametrize(("files", "expected"), CASES.values(), ids=CASES)
def test_what_control_groups_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    assert granted(tmp_path, files, monkeypatch) == expected


def test_the_processors_that_this_process_is_scheduled_on(tmp_path: Path) -> None:
    assert usable_processors(tmp_path) == SCHEDULED
    assert 1 <= usable_processors() <= SCHEDULED
