"""Spends 0.2 seconds of processor time in its own process, and as much in another one."""

from __future__ import annotations

import subprocess
import sys
import time

SECONDS = 0.2


def spend() -> None:
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        pass


def test_in_this_process() -> None:
    spend()


def test_in_another_process() -> None:
    subprocess.run([sys.executable, __file__], check=True)


if __name__ == "__main__":
    spend()
