"""Times are read from histories as one would read them by eye."""

from __future__ import annotations

import pytest

from tests.chaos.history import (
    ADDED,
    Closed,
    EpochLog,
    EventContent,
    Follower,
    Inbox,
    Item,
    Opened,
    Place,
    Received,
    Reset,
)
from tests.chaos.measuring import Measured, Replays, Window, caught_up_at, measure, replays

pytestmark = pytest.mark.stack("embedded")

USER = 7
EVENTS = [EventContent(ADDED, number, number, str(number)) for number in range(1, 5)]
MOMENTS = [1.0, 12.0, 14.0, 16.0]
INBOXES = {USER: Inbox([EpochLog("e", EVENTS, 1, MOMENTS)], {}, 0, 0)}


def opened(at: float, sequence: int) -> Opened:
    return Opened(at, Place("e", sequence), at - 0.5)


def received(at: float, sequence: int) -> Received:
    return Received(at, Place("e", sequence), EVENTS[sequence - 1])


def follower(*items: Item) -> Follower:
    return Follower("f", USER, items)


@pytest.mark.parametrize(
    ("items", "moment"),
    [
        ([opened(0, 0), received(12.1, 2)], 15.0),
        ([opened(0, 0), received(15.5, 2), received(17, 3)], 15.5),
        ([opened(0, 0), received(12.1, 2), Closed(13, "cut"), opened(19, 2)], 19.0),
        ([opened(0, 0), received(12.1, 2), Closed(16, "cut"), opened(19, 2)], 15.0),
        ([opened(0, 0), Closed(13, "cut"), opened(16, 0), received(16.2, 2)], 16.2),
        ([opened(0, 0), Reset(15.3, Place("e", 3), "EXPIRED")], 15.3),
        ([opened(0, 0), received(12.1, 1)], None),
        ([opened(0, 0), received(12.1, 2), Closed(13, "cut")], None),
        ([opened(0, 0), Received(15.1, Place("x", 9), EVENTS[0])], None),
    ],
)
def test_a_client_has_caught_up_when_it_is_subscribed_and_at_the_head(
    items: list[Item], moment: float | None
) -> None:
    assert caught_up_at(follower(*items), Place("e", 2), 15.0) == moment


def test_a_fault_is_measured_from_all_clients() -> None:
    window = Window("redis-stop", 10.0, 15.0, 18.0, {USER: Place("e", 3)})
    steady = follower(opened(0, 1), received(12.25, 2), received(14.25, 3), received(16.25, 4))
    cut = follower(
        opened(0, 1), Closed(11, "cut"), opened(17, 1), received(17.5, 2), received(17.5, 3)
    )
    assert measure(window, [steady, cut], INBOXES) == Measured(
        fault="redis-stop",
        lasted=5.0,
        cut_off=1,
        clients=2,
        caught_up_median=1.25,
        caught_up_longest=2.5,
        delay_median=0.25,
        delay_longest=5.5,
        commit=1.0,
        resets={},
    )


def test_commits_by_a_wrong_clock_are_measured_by_the_true_one() -> None:
    inboxes = {USER: Inbox([EpochLog("e", EVENTS[:1], 1, [12.0 + 3600])], {}, 0, 0)}
    window = Window("clock-ahead", 10.0, 15.0, 18.0, {USER: Place("e", 1)})
    measured = measure(window, [follower(opened(0, 0), received(12.5, 1))], inboxes)
    assert measured.delay_longest == 0.5


def test_resets_are_counted_by_reason() -> None:
    window = Window("restored", 10.0, 15.0, 18.0, {USER: Place("f", 1)})
    resets = [Reset(at, Place("f", 1), "EPOCH") for at in (9.0, 16.0)]
    measured = measure(window, [follower(opened(0, 1), each) for each in resets], INBOXES)
    assert measured.resets == {"EPOCH": 1}


def test_replays_are_measured_from_the_reconnect_to_the_last_event_missed() -> None:
    away: list[Item] = [opened(0.5, 0), received(1.0, 1), Closed(11, "cut")]
    back: list[Item] = [
        Opened(15.1, Place("e", 1), 15.0),
        received(15.2, 2),
        received(15.3, 3),
        received(16.1, 4),
    ]
    measured = replays([follower(*away, *back)], INBOXES)
    assert (measured.due, measured.delivered, measured.reconnects) == (4, 4, 1)
    assert measured.latencies == pytest.approx([0.3])
    assert measured.percent == 100.0


def test_what_was_not_delivered_is_never_rounded_away() -> None:
    assert replays([follower(opened(0.5, 0), received(1.0, 1))], INBOXES).percent == 25.0
    assert Replays(10_000_000, 9_999_999, 0, []).percent == 99.999


def test_percentiles_are_latencies_that_were_measured() -> None:
    measured = Replays(0, 0, 0, [number / 100 for number in range(100)])
    assert [measured.percentile(spec) for spec in (0.5, 0.95, 0.99)] == [0.5, 0.95, 0.99]
    assert Replays(0, 0, 0, []).percentile(0.5) == 0.0
