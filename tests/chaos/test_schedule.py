"""The same seed gives the same schedule, and no two faults have the same target at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import EVERYTHING, Planned, Step, mixed, one_after_the_other, steps

pytestmark = pytest.mark.stack("embedded")

FAULTS = {
    "redis-stop": "redis",
    "redis-freeze": "redis",
    "server-kill": "server",
    "restored": EVERYTHING,
}


def test_each_fault_comes_once_and_alone() -> None:
    assert one_after_the_other(7, ["redis-stop", "server-kill"], seconds=5, pause=3) == [
        Planned(0, "redis-stop", 5, 331),
        Planned(8, "server-kill", 5, 970),
    ]


def test_a_mixed_schedule_is_made_of_its_seed() -> None:
    assert mixed(7, FAULTS, seconds=20) == [
        Planned(0.6, "redis-stop", 2.3, 49),
        Planned(4.6, "redis-stop", 0.7, 444),
        Planned(6.2, "redis-stop", 0.9, 434),
        Planned(9.0, "redis-freeze", 3.1, 406),
        Planned(9.7, "server-kill", 1.1, 120),
        Planned(14.6, "restored", 0.9, 729),
    ]
    assert mixed(7, FAULTS, seconds=20) == mixed(7, FAULTS, seconds=20)
    assert mixed(7, FAULTS, seconds=20) != mixed(8, FAULTS, seconds=20)


@given(seed=st.integers(0, 10_000), seconds=st.floats(0, 300))
def test_a_mixed_schedule_ends_in_time_and_never_has_two_faults_of_one_target_at_once(
    seed: int, seconds: float
) -> None:
    planned = mixed(seed, FAULTS, seconds=seconds, shortest=0.5, longest=5.0)
    for each in planned:
        assert each.at >= 0
        assert 0.5 <= each.seconds <= 5.0
        assert each.until <= seconds + 0.1
    for one in planned:
        for other in planned:
            if one is not other and one.at <= other.until and other.at <= one.until:
                active = {FAULTS[one.fault], FAULTS[other.fault]}
                assert len(active) == 2
                assert EVERYTHING not in active


def test_a_fault_that_has_to_last_keeps_others_of_its_target_away() -> None:
    planned = mixed(7, FAULTS, seconds=60, least={"redis-stop": 12.0})
    stops = [each for each in planned if each.fault == "redis-stop"]
    assert stops
    assert all(each.seconds == 12.0 for each in stops)
    for stop in stops:
        others = [each for each in planned if each is not stop and FAULTS[each.fault] == "redis"]
        assert not any(stop.at <= each.at <= stop.until for each in others)


def test_a_long_schedule_has_every_fault() -> None:
    assert {each.fault for each in mixed(7, FAULTS, seconds=600)} == set(FAULTS)


def test_a_fault_of_everything_comes_once() -> None:
    faults = [each.fault for each in mixed(7, FAULTS, seconds=600)]
    assert faults.count("restored") == 1
    assert faults.count("server-kill") > 1


def test_steps_are_in_the_order_of_time_and_ends_come_first() -> None:
    first, second = Planned(0, "redis-stop", 2, 1), Planned(2, "server-kill", 1.5, 2)
    assert steps([second, first]) == [
        Step(0, True, first),
        Step(2, False, first),
        Step(2, True, second),
        Step(3.5, False, second),
    ]


def test_a_planned_fault_prints_what_it_is() -> None:
    assert str(Planned(1.25, "redis-stop", 2, 9)) == "   1.2 s  redis-stop for 2 s (choice 9)"
