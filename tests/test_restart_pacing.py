"""A worker that dies is replaced at once, one that dies again and again ever later."""

from __future__ import annotations

from live_inbox_site.restart_pacing import STEADY_SECONDS, RestartPacing


def test_who_dies_again_and_again_is_waited_for() -> None:
    pacing = RestartPacing()
    waits = [pacing.seconds_to_wait(0) for _ in range(9)]
    assert waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_it_does_not_overflow() -> None:
    pacing = RestartPacing()
    assert {pacing.seconds_to_wait(1) for _ in range(5000)} == {0, 1, 2, 4, 8, 16, 30}


def test_who_has_served_for_long_begins_anew() -> None:
    pacing = RestartPacing()
    waits = [pacing.seconds_to_wait(0) for _ in range(4)]
    waits += [pacing.seconds_to_wait(served) for served in (STEADY_SECONDS, 1, 1)]
    assert waits == [0, 1, 2, 4, 0, 1, 2]
