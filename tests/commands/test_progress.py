"""The progress bar of commands."""

from __future__ import annotations

import pytest

from live_inbox.management.progress import ProgressBar, progress_line

pytestmark = pytest.mark.stack("embedded")


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, 200, 0.0, f"[{' ' * 30}]   0%  0 rows"),
        (5000, 10_000, 2.0, f"[{'=' * 15}{' ' * 15}]  50%  5,000 rows  2,500/s"),
        (10_000, 10_000, 4.0, f"[{'=' * 30}] 100%  10,000 rows  2,500/s"),
        (12, 10, 1.0, f"[{'=' * 30}] 100%  12 rows  12/s"),
        (7, None, 1.0, "7 rows  7/s"),
        (7, 0, 1.0, "7 rows  7/s"),
    ],
)
def test_the_line(done: int, total: int | None, seconds: float, line: str) -> None:
    assert progress_line(done, total, seconds) == line


def test_the_bar_overwrites_itself_and_is_removed() -> None:
    drawn: list[str] = []
    now = 10.0
    bar = ProgressBar(drawn.append, total=None, clock=lambda: now)
    bar.clear()
    assert drawn == []

    bar.update(1)
    bar.update(2)  # a moment later: not drawn
    now = 11.0
    bar.update(3)
    bar.clear()
    bar.clear()

    assert drawn == ["\r\x1b[K1 rows", "\r\x1b[K3 rows  3/s", "\r\x1b[K"]
