from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from live_inbox.delivery.hub import HubClosed, HubConfig
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from tests.delivery.doorbell_messages import doorbell_message
from tests.delivery.fake_layer import Health
from tests.delivery.fake_log import FakeEntry, encode
from tests.delivery.group_names import BULK, group_of
from tests.delivery.metric_values import counted
from tests.delivery.simulated_hub import SMALL, Follower, SimulatedHub

pytestmark = pytest.mark.stack("embedded")


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


# -- well ----------------------------------------------------------------------------------------------------


def test_a_subscriber_gets_what_is_committed_from_then_on(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    assert alice.began == Position("e1", 3)
    simulation.write("alice", 2)
    assert alice.got == [FakeEntry("alice", "e1", 4), FakeEntry("alice", "e1", 5)]


def test_a_subscriber_resumes_after_its_position(simulation: SimulatedHub) -> None:
    simulation.write("alice", 5)
    alice = simulation.follow("alice", Position("e1", 2))
    assert alice.sequences == [3, 4, 5]
    simulation.write("alice")
    assert alice.sequences == [3, 4, 5, 6]


def test_an_inbox_that_was_never_touched_begins_at_the_origin(simulation: SimulatedHub) -> None:
    now, resuming = simulation.follow("alice"), simulation.follow("alice", ORIGIN)
    assert now.began == resuming.began == ORIGIN
    simulation.write("alice", 2)
    assert now.got == resuming.got == [FakeEntry("alice", "e1", 1), FakeEntry("alice", "e1", 2)]


def test_the_origin_resumes_an_inbox_from_its_first_event(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    assert simulation.follow("alice", ORIGIN).sequences == [1, 2, 3]
    assert simulation.follow("alice", Position("e1", 0)).sequences == [1, 2, 3]


def test_inboxes_do_not_see_each_other(simulation: SimulatedHub) -> None:
    alice, bob = simulation.follow("alice"), simulation.follow("bob")
    simulation.write("alice", 2)
    simulation.write("bob", 1)
    assert alice.got == [FakeEntry("alice", "e1", 1), FakeEntry("alice", "e1", 2)]
    assert bob.got == [FakeEntry("bob", "e2", 1)]


def test_every_subscriber_has_its_own_place(simulation: SimulatedHub) -> None:
    simulation.write("alice", 4)
    places = [simulation.follow("alice", Position("e1", n)) for n in range(5)]
    simulation.write("alice")
    assert [place.sequences for place in places] == [numbers(n + 1, 5) for n in range(5)]


# -- bad doorbells -------------------------------------------------------------------------------------------


def test_a_lost_doorbell_costs_one_watch_at_most(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    simulation.log.write("alice", 3)
    simulation.settle()
    assert alice.got == []
    simulation.loop.advance(1.9)
    assert alice.got == []
    simulation.loop.advance(0.1)
    assert alice.sequences == [1, 2, 3]


def test_a_doorbell_that_jumps_makes_the_hub_read_the_log_at_once(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    lines = simulation.log.write("alice", 3)
    simulation.ring(lines[2:])
    assert alice.sequences == [1, 2, 3]


def test_doorbells_in_any_order_and_number_change_nothing(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    lines = simulation.log.write("alice", 4)
    simulation.ring([lines[1], lines[3], lines[0], lines[0], lines[2], lines[3]])
    simulation.ring(lines)
    assert alice.sequences == [1, 2, 3, 4]


def test_a_doorbell_of_another_epoch_makes_the_hub_compare_with_the_log(
    simulation: SimulatedHub,
) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    simulation.ring([FakeEntry("alice", "gone", 4)])
    assert alice.got == []
    simulation.write("alice")
    assert alice.sequences == [4]


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"nonsense"],
        [b"\xff\xfe"],
        [b"alice e1 x"],
        [b"alice e1 1 1"],
        ["alice e1 1"],
        [None],
    ],
)
def test_a_doorbell_that_cannot_be_read_makes_the_hub_read_the_log(
    simulation: SimulatedHub, frames: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    alice = simulation.follow("alice")
    simulation.log.write("alice", 2)
    simulation.hub.on_message({"alice": frames})
    simulation.settle()
    assert alice.sequences == [1, 2]
    assert "The reading of doorbells fails" in caplog.text


@pytest.mark.parametrize(
    "rung",
    [None, 7, "alice", [], {"alice": None}, {"alice": 7}, {"alice": "x"}, {7: []}, {"alice": {}}],
)
def test_a_message_that_makes_no_sense_does_not_stop_the_hub_from_listening(
    simulation: SimulatedHub, rung: object
) -> None:
    alice = simulation.follow("alice")
    simulation.layer.deliver_to_everybody(doorbell_message({}) | {"body": rung})
    simulation.layer.deliver_to_everybody({"type": "something.else"})
    simulation.layer.deliver_to_everybody(rung)
    simulation.loop.advance(1.0)
    assert simulation.ring_through_layer(simulation.log.write("alice"))
    assert alice.sequences == [1]


def test_an_entry_published_for_the_wrong_inbox_is_ignored(simulation: SimulatedHub) -> None:
    simulation.write("alice")
    alice = simulation.follow("alice")
    simulation.hub.on_message({"alice": [encode(FakeEntry("bob", "e1", 2))]})
    simulation.settle()
    assert alice.got == []
    simulation.write("alice")
    assert [(line.inbox, line.sequence) for line in alice.got] == [("alice", 2)]


# -- doorbells that are wrong, and authentic: a bug, or a copy of the database with the same keys ------------------


def wrong(sequence: int) -> FakeEntry:
    """An entry that was never committed: it differs from the one of its sequence."""
    return FakeEntry("alice", "e1", sequence, text="wrong")


def contradictions(wrong: str) -> float:
    return counted("contradictions_total", wrong=wrong)


def test_an_inbox_without_events_takes_no_epoch_from_a_doorbell(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    simulation.log.calls.clear()
    simulation.ring([FakeEntry("alice", "foreign", 1), FakeEntry("alice", "foreign", 2)])
    assert (alice.got, simulation.log.calls) == ([], [("heads", 1)])
    simulation.write("alice", 3)
    assert alice.sequences == [1, 2, 3]
    assert {line.epoch for line in alice.got} == {"e1"}
    assert alice.losses == []


def test_the_first_event_of_an_inbox_costs_one_read(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    simulation.log.calls.clear()
    simulation.write("alice")
    simulation.write("alice")
    assert alice.sequences == [1, 2]
    assert simulation.log.calls == [("heads", 1), ("read", 1)]


def test_a_doorbell_that_contradicts_what_the_log_has_changes_nothing(
    simulation: SimulatedHub, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    simulation.write("alice", 2)
    before = contradictions("doorbell"), contradictions("stream")
    simulation.ring([wrong(3), wrong(2)])
    assert (alice.sequences, alice.losses) == ([2, 3], [])
    assert (contradictions("doorbell"), contradictions("stream")) == (before[0] + 2, before[1])
    assert [record.getMessage() for record in caplog.records] == [
        "The doorbell of an inbox fails: Contradiction: event 2 of inbox alice is another one in the log"
    ]


def test_of_several_contradictions_the_log_decides_about_each(simulation: SimulatedHub) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    simulation.write("alice")
    simulation.ring([wrong(3)])
    committed = simulation.log.write("alice")
    simulation.hub.on_message({"alice": [encode(wrong(2)), *map(encode, committed)]})
    simulation.settle()
    assert alice.reasons == [ResetReason.EPOCH]


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_stream_that_contradicts_the_log_begins_anew_with_resets(
    simulation: SimulatedHub, caplog: pytest.LogCaptureFixture, is_slow: bool
) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    bystander = simulation.follow("alice", ORIGIN)
    simulation.ring([wrong(2)])
    assert alice.got == [wrong(2)]
    if is_slow:
        alice.is_free.clear()
    before = contradictions("stream")
    simulation.write("alice")
    simulation.write("alice")
    assert contradictions("stream") == before + 1
    alice.is_free.set()
    simulation.settle()
    assert alice.reasons == bystander.reasons == [ResetReason.EPOCH]
    newcomer = simulation.follow("alice", Position("e1", 1))
    simulation.write("alice")
    assert newcomer.sequences == [2, 3, 4]
    assert (alice.sequences[-1], bystander.sequences[-1]) == (4, 4)
    assert wrong(2) not in newcomer.got
    assert [record.getMessage() for record in caplog.records] == [
        "The stream of an inbox fails: Contradiction: event 2 of inbox alice is another one in the log"
    ]


def test_a_contradiction_waits_for_a_database_that_is_away(simulation: SimulatedHub) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    simulation.ring([wrong(2)])
    simulation.log.failing = True
    simulation.write("alice")
    assert alice.reasons == []
    simulation.log.failing = False
    simulation.loop.advance(1.0)
    assert alice.reasons == [ResetReason.EPOCH]
    simulation.write("alice")
    assert alice.sequences == [2, 3]


def test_events_that_arrive_while_the_log_decides_are_not_lost(simulation: SimulatedHub) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    simulation.ring([wrong(2)])
    simulation.log.held = True
    simulation.write("alice")
    for _ in range(3):
        simulation.log.let_on()
        simulation.settle()
        simulation.write("alice")
    simulation.log.release()
    simulation.settle()
    assert alice.reasons == [ResetReason.EPOCH]
    simulation.write("alice")
    assert alice.position == simulation.log.head("alice").position


@pytest.mark.parametrize("entry", [wrong(2), FakeEntry("alice", "gone", 2)])
def test_old_doorbells_sent_again_and_again_do_not_have_the_log_read_again_and_again(
    simulation: SimulatedHub, entry: FakeEntry
) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    simulation.write("alice")
    for _ in range(2):
        simulation.log.calls.clear()
        for _ in range(1000):
            simulation.ring([entry])
        assert len(simulation.log.calls) <= 21
        simulation.reconcile()
    assert (alice.sequences, alice.losses) == ([2], [])


def test_doorbells_between_the_look_at_the_head_and_the_reading_of_the_log_are_not_lost(
    simulation: SimulatedHub,
) -> None:
    simulation.log.write("alice", 2)
    simulation.log.held = True
    alice = simulation.follow("alice", ORIGIN)
    for _ in range(4):
        simulation.ring(simulation.log.write("alice"))
        simulation.log.let_on()
        simulation.settle()
    simulation.log.release()
    simulation.settle()
    assert alice.sequences == [1, 2, 3, 4, 5, 6]


def test_doorbells_that_come_while_an_inbox_is_opened_are_kept(simulation: SimulatedHub) -> None:
    simulation.log.write("alice", 2)
    simulation.log.held = True
    alice = simulation.follow("alice")
    simulation.log.let_on()
    simulation.settle()
    third, fourth = simulation.log.write("alice", 2)
    simulation.ring([fourth, third])
    simulation.log.release()
    simulation.settle()
    assert alice.began == Position("e1", 4) or alice.sequences == [3, 4]
    assert alice.position == Position("e1", 4)


@pytest.mark.parametrize("has_layer", [True, False])
def test_a_gap_among_early_doorbells_is_filled_without_waiting_for_the_watch(
    has_layer: bool,
) -> None:
    simulation = SimulatedHub(has_layer=has_layer)
    simulation.log.write("alice", 2)
    simulation.log.held = True
    alice = simulation.follow("alice", Position("e1", 2))
    simulation.log.let_on()
    simulation.settle()
    _, fourth = simulation.log.write("alice", 2)
    simulation.ring([fourth])
    simulation.log.release()
    simulation.settle()
    assert alice.sequences == [3, 4]
    simulation.close()


def test_a_doorbell_of_the_new_epoch_resets_a_restored_inbox_at_once(
    simulation: SimulatedHub,
) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    simulation.log.recreate("alice", events=3)
    simulation.write("alice")
    assert alice.losses == [(Position("e1", 3), ResetReason.EPOCH)]
    assert alice.position == Position("e2", 4)


def test_a_gap_whose_reading_failed_is_read_again_soon(simulation: SimulatedHub) -> None:
    simulation = SimulatedHub(config=dataclasses.replace(SMALL, reconcile_seconds=60.0))
    alice = simulation.follow("alice")
    lines = simulation.log.write("alice", 3)
    simulation.log.failing = True
    simulation.ring(lines[2:])
    assert alice.got == []
    simulation.log.failing = False
    simulation.loop.advance(1.0)
    assert alice.sequences == [1, 2, 3]
    simulation.close()


# -- slow and late -------------------------------------------------------------------------------------------


def test_a_slow_subscriber_loses_nothing_and_delays_no_other(simulation: SimulatedHub) -> None:
    slow, quick = simulation.follow("alice"), simulation.follow("alice")
    simulation.write("alice")
    slow.is_free.clear()
    for _ in range(60):
        simulation.write("alice")
    assert quick.sequences == numbers(1, 61)
    assert len(slow.got) <= 2
    slow.is_free.set()
    simulation.settle()
    assert slow.sequences == numbers(1, 61)


def test_a_position_far_behind_is_read_from_the_log_page_by_page(simulation: SimulatedHub) -> None:
    simulation.write("alice", 95)
    alice = simulation.follow("alice", Position("e1", 3))
    assert alice.sequences == numbers(4, 95)
    simulation.write("alice")
    assert alice.sequences == numbers(4, 96)


def test_a_stream_far_behind_is_filled_page_by_page(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    simulation.log.write("alice", 95)
    simulation.reconcile()
    assert alice.sequences == numbers(1, 95)


def test_a_stream_far_behind_is_filled_at_once_however_small_the_pages() -> None:
    simulation = SimulatedHub(config=dataclasses.replace(SMALL, run_length=100, page_length=7))
    alice = simulation.follow("alice")
    simulation.log.write("alice", 95)
    simulation.reconcile()
    assert alice.sequences == numbers(1, 95)
    simulation.close()


@pytest.mark.parametrize("run_length", [4, 50])
@pytest.mark.parametrize("together", [True, False])
def test_a_subscriber_without_a_position_gets_no_old_events_when_another_resumes(
    run_length: int, together: bool
) -> None:
    simulation = SimulatedHub(
        config=dataclasses.replace(SMALL, run_length=run_length, page_length=5)
    )
    simulation.log.write("alice", 40)
    simulation.log.held = True
    resuming = Follower(simulation, "alice", Position("e1", 2))
    if not together:
        simulation.settle()
    now = Follower(simulation, "alice", None)
    simulation.settle()
    simulation.log.release()
    simulation.settle()
    assert resuming.sequences == numbers(3, 40)
    assert now.began == Position("e1", 40)
    assert now.got == []
    simulation.close()


@pytest.mark.parametrize("missed", [1, 9, 10, 11, 45])
def test_who_comes_without_a_position_begins_where_the_log_ends(
    simulation: SimulatedHub, missed: int
) -> None:
    simulation.follow("alice")
    simulation.log.write("alice", missed)
    late = simulation.follow("alice")
    assert late.began == Position("e1", missed)
    simulation.write("alice")
    assert late.sequences == [missed + 1]


def test_who_comes_without_a_position_begins_behind_what_is_lost(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    simulation.follow("alice")
    simulation.log.recreate("alice", events=5)
    assert simulation.follow("alice").began == Position("e2", 5)
    simulation.log.write("alice", 20)
    simulation.log.prune("alice", keep=2)
    assert simulation.follow("alice").began == Position("e2", 25)
    simulation.log.inboxes["alice"].torn = {27}
    simulation.log.write("alice", 9)
    late = simulation.follow("alice")
    assert late.began == Position("e2", 34)
    assert (late.got, late.losses) == ([], [])


# -- positions that cannot be resumed ------------------------------------------------------------------------


def test_a_position_beyond_the_end_is_ahead(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice", Position("e1", 4))
    assert alice.losses == [(Position("e1", 4), ResetReason.AHEAD)]
    simulation.write("alice")
    assert alice.sequences == [4]


def test_a_position_of_another_epoch_gets_a_reset(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice", Position("other", 2))
    assert alice.losses == [(Position("other", 2), ResetReason.EPOCH)]
    simulation.write("alice")
    assert alice.sequences == [4]


def test_a_position_of_an_inbox_that_does_not_exist_is_of_another_epoch(
    simulation: SimulatedHub,
) -> None:
    alice = simulation.follow("alice", Position("e9", 2))
    assert alice.reasons == [ResetReason.EPOCH]
    assert alice.position == ORIGIN
    simulation.write("alice")
    assert alice.sequences == [1]


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (Position("e1", 5), True),
        (Position("e1", 6), False),
        (ORIGIN, True),
        (Position("e1", 0), True),
        (Position("e1", 8), False),
    ],
)
def test_a_position_before_the_retained_log_has_expired(
    simulation: SimulatedHub, after: Position, lost: bool
) -> None:
    simulation.log.write("alice", 8)
    simulation.log.prune("alice", keep=2)
    alice = simulation.follow("alice", after)
    assert alice.reasons == ([ResetReason.EXPIRED] if lost else [])
    assert alice.sequences == ([] if lost else numbers(after.sequence + 1, 8))
    simulation.write("alice")
    assert alice.sequences[-1:] == [9]


def test_the_origin_has_expired_when_nothing_is_retained(simulation: SimulatedHub) -> None:
    simulation.log.write("alice", 3)
    simulation.log.prune("alice", keep=0)
    assert simulation.follow("alice", ORIGIN).reasons == [ResetReason.EXPIRED]
    assert simulation.follow("alice", Position("e1", 3)).reasons == []


def test_each_subscriber_that_loses_its_position_gets_its_own_reason(
    simulation: SimulatedHub,
) -> None:
    simulation.log.write("alice", 20)
    simulation.log.prune("alice", keep=5)
    at_once = [Position("e1", 3), Position("e0", 18), Position("e1", 21), Position("e1", 17)]
    simulation.log.held = True
    followers = [simulation.follow("alice", position) for position in at_once]
    simulation.log.release()
    simulation.settle()
    assert [follower.reasons for follower in followers] == [
        [ResetReason.EXPIRED],
        [ResetReason.EPOCH],
        [ResetReason.AHEAD],
        [],
    ]
    assert followers[3].sequences == [18, 19, 20]


# -- databases that change their mind ------------------------------------------------------------------------


def test_an_inbox_that_is_made_anew_resets_its_subscribers(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    simulation.log.recreate("alice", events=5)
    simulation.reconcile()
    assert alice.losses == [(Position("e1", 3), ResetReason.EPOCH)]
    simulation.write("alice")
    assert alice.got == [FakeEntry("alice", "e2", 6)]


def test_an_inbox_that_vanishes_resets_its_subscribers_to_the_origin(
    simulation: SimulatedHub,
) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    simulation.log.remove("alice")
    simulation.reconcile()
    assert alice.reasons == [ResetReason.EPOCH]
    simulation.write("alice", 2)
    assert alice.got == [FakeEntry("alice", "e2", 1), FakeEntry("alice", "e2", 2)]


def test_a_database_that_went_back_resets_who_has_seen_more(simulation: SimulatedHub) -> None:
    simulation.write("alice", 5)
    seen, behind = simulation.follow("alice"), simulation.follow("alice", Position("e1", 2))
    behind.is_free.clear()
    simulation.write("alice", 2)
    simulation.log.go_back("alice", to=6)
    simulation.reconcile()
    assert seen.losses == [(Position("e1", 7), ResetReason.AHEAD)]
    assert behind.reasons == []
    behind.is_free.set()
    simulation.settle()
    # It took what it could before the database went back, and only then learned of it.
    assert behind.got[:3] == [FakeEntry("alice", "e1", n) for n in (3, 4, 5)]
    simulation.write("alice")
    assert seen.sequences[-1] == behind.sequences[-1] == 7


def test_a_subscriber_of_the_new_epoch_never_gets_entries_of_a_stale_stream(
    simulation: SimulatedHub,
) -> None:
    simulation.write("alice", 3)
    stale = simulation.follow("alice")
    simulation.write("alice", 6)
    # Restored, and the watch has not come round: the stream here still holds the old 4 to 9.
    simulation.log.recreate("alice", events=5)
    fresh = simulation.follow("alice", Position("e2", 2))
    assert fresh.got == [FakeEntry("alice", "e2", n) for n in (3, 4, 5)]
    assert stale.reasons == [ResetReason.EPOCH]
    simulation.write("alice")
    assert fresh.got[3:] == stale.got[9:] or fresh.got[3:] == [FakeEntry("alice", "e2", 6)]
    assert stale.got[-1] == FakeEntry("alice", "e2", 6)


@pytest.fixture
def failover(simulation: SimulatedHub) -> Callable[..., list[FakeEntry]]:
    """Lose the newest events of alice, and write others in their places, without a doorbell."""
    simulation.log.has_fingerprints = True

    def fail_over(*, to: int, events: int) -> list[FakeEntry]:
        simulation.log.go_back("alice", to=to)
        return simulation.log.write("alice", events)

    return fail_over


@pytest.mark.parametrize("events", [1, 2, 3, 9])
def test_a_log_that_has_gone_on_differently_resets_who_has_seen_what_it_lost(
    simulation: SimulatedHub, failover: Callable[..., list[FakeEntry]], events: int
) -> None:
    simulation.write("alice", 5)
    follower = simulation.follow("alice")
    simulation.write("alice", 2)
    seen = follower.position
    # The new log ends before, at, and after the place where the old one ended.
    failover(to=5, events=events)
    simulation.reconcile()
    assert seen is not None
    reason = ResetReason.AHEAD if events < 2 else ResetReason.EPOCH
    assert follower.losses == [(seen, reason)]
    (last,) = simulation.write("alice")
    assert follower.got[-1] == last
    assert follower.reasons == [reason]


@pytest.mark.parametrize("events", [2, 3, 9])
def test_who_resumes_in_a_log_that_has_gone_on_differently_is_reset(
    simulation: SimulatedHub, failover: Callable[..., list[FakeEntry]], events: int
) -> None:
    five = simulation.write("alice", 5)[-1]
    lost = simulation.write("alice", 2)
    others = failover(to=5, events=events)
    ahead, kept = simulation.follow("alice", lost[-1].position), five.position
    between = simulation.follow("alice", lost[0].position)
    before, unknown = (
        simulation.follow("alice", kept),
        simulation.follow("alice", Position("e1", 7)),
    )
    assert ahead.reasons == between.reasons == [ResetReason.EPOCH]
    assert before.got == others
    # As a position from before there were fingerprints.
    assert (unknown.reasons, unknown.got) == ([], others[2:])


def test_who_has_seen_lost_events_that_were_pruned_since_is_reset(
    simulation: SimulatedHub, failover: Callable[..., list[FakeEntry]]
) -> None:
    simulation.write("alice", 5)
    lost = simulation.write("alice", 2)
    failover(to=5, events=4)
    simulation.log.prune("alice", keep=2)
    follower = simulation.follow("alice", lost[-1].position)
    assert follower.reasons == [ResetReason.EPOCH]


def test_doorbells_that_continue_another_log_are_not_delivered(
    simulation: SimulatedHub, failover: Callable[..., list[FakeEntry]]
) -> None:
    simulation.write("alice", 5)
    follower = simulation.follow("alice")
    simulation.write("alice", 2)
    others = failover(to=5, events=3)
    got = list(follower.got)
    simulation.ring(others[-1:])
    assert follower.got == got
    assert follower.reasons == [ResetReason.EPOCH]
    assert follower.position == others[-1].position


def test_late_doorbells_of_an_earlier_epoch_are_ignored(simulation: SimulatedHub) -> None:
    waiting = simulation.follow("alice", ORIGIN)
    simulation.log.recreate("alice", events=5)
    simulation.ring([FakeEntry("alice", "gone", 1)])
    fresh = simulation.follow("alice", Position("e1", 5))
    simulation.ring([FakeEntry("alice", "gone", n) for n in range(2, 9)])
    assert fresh.got == []
    simulation.reconcile()
    simulation.write("alice")
    assert fresh.got == [FakeEntry("alice", "e1", 6)]
    assert waiting.position == Position("e1", 6)


def test_an_inbox_made_anew_between_the_two_queries_is_not_taken_for_its_successor(
    simulation: SimulatedHub,
) -> None:
    simulation.log.write("alice", 30)
    simulation.log.held = True
    alice = simulation.follow("alice", Position("e1", 5))
    simulation.log.let_on()
    simulation.settle()
    simulation.log.let_on()
    simulation.settle()
    assert simulation.log.calls[0][0] == "heads"
    simulation.log.release()
    simulation.settle()
    assert alice.sequences == numbers(6, 30)

    simulation.log.held = True
    late = simulation.follow("alice", Position("e1", 6))
    simulation.log.let_on()
    simulation.settle()
    simulation.log.let_on()
    simulation.settle()
    simulation.log.recreate("alice", events=40)
    simulation.log.release()
    simulation.settle()
    assert late.got == []
    assert late.reasons == [ResetReason.EPOCH]


def test_pruning_between_the_two_queries_causes_a_reset(simulation: SimulatedHub) -> None:
    simulation.log.write("alice", 30)
    simulation.follow("alice")
    simulation.log.held = True
    late = simulation.follow("alice", Position("e1", 6))
    simulation.log.let_on()
    simulation.settle()
    simulation.log.let_on()
    simulation.settle()
    simulation.log.prune("alice", keep=5)
    simulation.log.release()
    simulation.settle()
    assert late.losses == [(Position("e1", 6), ResetReason.EXPIRED)]
    assert late.got == []


def test_pruning_past_a_stream_that_is_behind_resets_who_waits_there(
    simulation: SimulatedHub,
) -> None:
    simulation.write("alice", 2)
    alice = simulation.follow("alice")
    simulation.log.write("alice", 20)
    simulation.log.prune("alice", keep=3)
    simulation.reconcile()
    assert alice.losses == [(Position("e1", 2), ResetReason.EXPIRED)]
    simulation.write("alice")
    assert alice.sequences == [23]


def test_a_subscriber_ahead_of_its_stream_notices_a_log_that_went_back(
    simulation: SimulatedHub,
) -> None:
    # It reads a page in which there is an event more than in the head, with which the stream was compared.
    simulation.write("a", 10)
    simulation.follow("a")
    simulation.log.held = True
    follower = simulation.follow("a", Position("e1", 1))
    simulation.log.let_on()
    simulation.settle()
    simulation.log.let_on()
    simulation.settle()
    simulation.log.write("a")
    simulation.log.release()
    simulation.settle()
    assert follower.sequences == list(range(2, 12))
    simulation.log.go_back("a", to=10)
    simulation.reconcile()
    assert follower.reasons == [ResetReason.AHEAD]


@pytest.mark.parametrize("torn", [{6}, {6, 7}, {8}, {6, 7, 8}, {10}, {7, 9}, set(range(6, 40))])
def test_a_hole_in_the_log_causes_a_reset_and_neither_spins_nor_hangs(
    simulation: SimulatedHub, torn: set[int]
) -> None:
    simulation.write("alice", 5)
    waiting = simulation.follow("alice")
    simulation.log.write("alice", 40)
    simulation.log.inboxes["alice"].torn = torn
    late = simulation.follow("alice", Position("e1", 5))
    simulation.reconcile()
    simulation.reconcile()
    for follower in (waiting, late):
        assert follower.position == Position("e1", 45)
        assert set(follower.reasons) == {ResetReason.EXPIRED}
        assert not set(follower.sequences) & torn
    calls = len(simulation.log.calls)
    simulation.settle()
    assert len(simulation.log.calls) == calls
    simulation.write("alice")
    assert waiting.sequences[-1] == late.sequences[-1] == 46


# -- databases that are away ---------------------------------------------------------------------------------


def test_a_database_that_is_away_delays_and_loses_nothing(
    simulation: SimulatedHub, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.write("alice", 3)
    simulation.log.failing = True
    alice, bob = simulation.follow("alice", Position("e1", 1)), simulation.follow("bob")
    for _ in range(5):
        simulation.reconcile()
    assert alice.began is None
    assert bob.began is None
    assert [r.getMessage() for r in caplog.records] == [
        "The inbox log fails: ConnectionError: the database is away"
    ]
    simulation.log.failing = False
    simulation.reconcile()
    assert alice.sequences == [2, 3]
    assert bob.began == ORIGIN
    assert caplog.records[-1].getMessage().startswith("The inbox log works again after ")


def test_subscribers_that_are_up_to_date_do_not_notice_that_the_database_is_away(
    simulation: SimulatedHub,
) -> None:
    simulation.log.write("alice")
    alice = simulation.follow("alice")
    simulation.log.failing = True
    simulation.reconcile()
    simulation.write("alice", 2)
    assert alice.sequences == [2, 3]


def test_a_failing_log_is_asked_once_a_second_at_most(simulation: SimulatedHub) -> None:
    simulation.follow("alice")
    simulation.log.failing = True
    simulation.log.calls.clear()
    for _ in range(100):
        simulation.loop.advance(0.1)
    assert 5 <= len(simulation.log.calls) <= 11


def test_ten_thousand_who_come_at_once_are_served_a_thousand_at_a_time() -> None:
    # A round that takes too long fails and is repeated: with all of them in it, it would never end in time.
    simulation = SimulatedHub(config=HubConfig())
    names = [f"user{number}" for number in range(2500)]
    for name in names:
        simulation.log.write(name, 3)
    simulation.log.failing = True
    clients = [
        Follower(simulation, name, Position(f"e{number}", 1))
        for number, name in enumerate(names, 1)
    ]
    simulation.settle()
    simulation.log.calls.clear()
    simulation.log.failing = False
    simulation.loop.advance(2.0)
    rounds = [("heads", 1000), ("read", 1000)] * 2 + [("heads", 500), ("read", 500)]
    assert simulation.log.calls[: len(rounds)] == rounds
    assert all(client.sequences == [2, 3] for client in clients)
    simulation.close()


def test_streams_are_compared_two_thousand_at_a_time() -> None:
    # In between, the event loop delivers: comparing all of a large process at once takes it too long.
    rounds: list[bool] = []
    simulation = SimulatedHub(config=HubConfig(), on_round=rounds.append)
    clients = [Follower(simulation, f"user{number}", None) for number in range(4500)]
    simulation.settle()
    # The reader waits for others who come at once.
    simulation.loop.advance(1.0)
    simulation.log.calls.clear()
    rounds.clear()
    for number in (0, 4499):
        simulation.log.write(f"user{number}", 1)
    simulation.reconcile()
    heads = [call for call in simulation.log.calls if call[0] == "heads"]
    assert heads == [("heads", 2000), ("heads", 2000), ("heads", 500)]
    assert rounds == [False, False, True]
    assert clients[0].sequences == clients[4499].sequences == [1]
    simulation.close()


def test_streams_whose_comparison_failed_are_compared_again_first() -> None:
    rounds: list[bool] = []
    simulation = SimulatedHub(config=HubConfig(), on_round=rounds.append)
    client, *_ = [Follower(simulation, f"user{number}", None) for number in range(4500)]
    simulation.settle()
    # The reader waits for others who come at once.
    simulation.loop.advance(1.0)
    rounds.clear()
    simulation.log.write("user0", 1)
    simulation.log.failing = True
    simulation.reconcile()
    assert rounds == []
    simulation.log.failing = False
    simulation.loop.advance(1.0)
    assert rounds[:3] == [False, False, True]
    assert client.sequences == [1]
    simulation.close()


def test_a_log_that_is_never_read_is_not_reported_as_recovered(
    simulation: SimulatedHub, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.log.failing = True
    alice = simulation.follow("alice")
    alice.leave()
    for _ in range(20):
        simulation.reconcile()
    assert "works again" not in caplog.text


def test_the_second_query_failing_delays_and_loses_nothing(simulation: SimulatedHub) -> None:
    simulation.write("alice", 5)
    simulation.log.held = True
    alice = simulation.follow("alice", Position("e1", 2))
    simulation.log.let_on()
    simulation.settle()
    simulation.log.let_on()
    simulation.settle()
    assert simulation.log.calls[-1][0] == "read"
    simulation.log.failing = True
    simulation.log.release()
    simulation.settle()
    assert alice.got == []
    simulation.log.failing = False
    simulation.write("alice")
    simulation.reconcile()
    assert alice.sequences == [3, 4, 5, 6]


# -- layers that are away ------------------------------------------------------------------------------------


@pytest.mark.parametrize("health", [Health.RAISES, Health.HANGS])
def test_without_the_layer_the_log_is_read_as_promptly_as_ever(health: Health) -> None:
    simulation = SimulatedHub()
    simulation.layer.health = health
    simulation.log.write("alice", 3)
    alice = simulation.follow("alice", Position("e1", 1))
    assert alice.sequences == [2, 3]
    for expected in range(4, 12):
        simulation.log.write("alice")
        simulation.reconcile()
        assert alice.sequences == numbers(2, expected)
    alice.leave()
    for _ in range(10):
        simulation.reconcile()
    bob = simulation.follow("bob")
    assert bob.began == ORIGIN
    simulation.layer.health = Health.WORKS
    for _ in range(5):
        simulation.reconcile()
    assert simulation.ring_through_layer(simulation.log.write("bob"))
    assert bob.sequences == [1]
    simulation.close()


@pytest.mark.parametrize("health", [Health.RAISES, Health.HANGS])
def test_a_layer_that_was_away_is_joined_as_soon_as_it_is_back(health: Health) -> None:
    simulation = SimulatedHub()
    simulation.layer.health = health
    alice = simulation.follow("alice")
    for _ in range(4):
        simulation.reconcile()
    simulation.layer.health = Health.WORKS
    for _ in range(4):
        simulation.reconcile()
    assert set(simulation.layer.groups) == {BULK, group_of("alice")}
    assert simulation.ring_through_layer(simulation.log.write("alice"))
    assert simulation.ring_in_bulk(simulation.log.write("alice"))
    assert alice.sequences == [1, 2]
    simulation.close()


def test_a_failing_layer_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulation = SimulatedHub()
    simulation.layer.health = Health.RAISES
    simulation.follow("alice")
    for _ in range(10):
        simulation.reconcile()
    assert [r.getMessage() for r in caplog.records] == [
        "The channel layer (groups) fails: ConnectionError: the layer is away"
    ]
    simulation.layer.health = Health.WORKS
    for _ in range(10):
        simulation.reconcile()
    assert (
        caplog.records[1].getMessage().startswith("The channel layer (groups) works again after ")
    )
    assert len(caplog.records) == 2
    simulation.close()


def test_what_is_committed_while_the_layer_is_being_joined_does_not_wait_for_the_watch(
    simulation: SimulatedHub,
) -> None:
    """Another process may commit after the head was read here and ring before the group was joined."""
    simulation.log.held = True
    alice = simulation.follow("alice")
    simulation.log.write("alice")
    simulation.log.release()
    simulation.settle()
    joined = group_of("alice") in simulation.layer.groups
    assert joined
    assert alice.position == Position("e1", 1)


def test_a_slow_layer_does_not_hold_up_those_who_wait_for_the_log() -> None:
    simulation = SimulatedHub()
    simulation.follow("alice")
    simulation.layer.health = Health.HANGS
    for name in ("bob", "carol", "dave"):
        simulation.log.write(name, 2)
        assert simulation.follow(name, ORIGIN).sequences == [1, 2]
    simulation.close()


def test_without_a_layer_there_is_the_watch() -> None:
    simulation = SimulatedHub(has_layer=False)
    alice = simulation.follow("alice")
    simulation.log.write("alice", 2)
    simulation.reconcile()
    assert alice.sequences == [1, 2]
    simulation.stop()
    assert alice.ended
    simulation.close()


def test_a_doorbell_of_this_process_is_not_received_a_second_time(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    lines = simulation.log.write("alice")
    assert simulation.ring_through_layer(lines, sender="own")
    assert alice.got == []
    assert simulation.ring_through_layer(lines, sender="other")
    assert alice.sequences == [1]


# -- groups --------------------------------------------------------------------------------------------------


def test_an_inbox_is_left_after_it_was_not_used_for_a_while(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    alice.leave()
    for _ in range(5):
        simulation.reconcile()
    assert group_of("alice") in simulation.layer.groups
    simulation.reconcile()
    assert set(simulation.layer.groups) == {BULK}
    assert simulation.layer.calls.count(("discard", group_of("alice"))) == 1


def test_who_returns_while_the_stream_lingers_costs_no_query(simulation: SimulatedHub) -> None:
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    simulation.write("alice", 2)
    alice.leave()
    simulation.reconcile()
    simulation.write("alice", 1)
    simulation.log.calls.clear()
    back = simulation.follow("alice", Position("e1", 4))
    assert back.sequences == [5, 6]
    assert simulation.log.calls == []


def test_an_inbox_that_stays_open_does_not_hold_its_events_for_ever(
    simulation: SimulatedHub,
) -> None:
    alice = simulation.follow("alice")
    simulation.write("alice", 3)
    for _ in range(4):
        simulation.reconcile()
    held = simulation.hub._open_inboxes["alice"].stream.since(0)
    assert held is not None
    assert held.items == alice.got
    for _ in range(6):
        simulation.reconcile()
    assert simulation.hub._open_inboxes["alice"].stream.since(2) is None
    back = simulation.follow("alice", Position("e1", 1))
    simulation.write("alice", 1)
    assert (alice.sequences, back.sequences) == ([1, 2, 3, 4], [2, 3, 4])


def test_who_returns_as_the_stream_is_dropped_is_joined_again(simulation: SimulatedHub) -> None:
    alice = simulation.follow("alice")
    alice.leave()
    for _ in range(5):
        simulation.reconcile()
    simulation.loop.advance(1.9)
    # The watch comes round, drops the stream, and before the hub's reader has left the group ...
    simulation.loop._now += 0.1
    while "alice" in simulation.hub._open_inboxes:
        simulation.loop.step()
    back = simulation.follow("alice")
    assert group_of("alice") in simulation.layer.groups
    assert simulation.ring_through_layer(simulation.log.write("alice"))
    assert back.sequences == [1]


def test_groups_that_could_not_be_left_are_left_later(simulation: SimulatedHub) -> None:
    for name in ("alice", "bob", "carol"):
        simulation.follow(name).leave()
    simulation.settle()
    simulation.layer.health = Health.RAISES
    for _ in range(10):
        simulation.reconcile()
    simulation.layer.health = Health.WORKS
    for _ in range(10):
        simulation.reconcile()
    assert set(simulation.layer.groups) == {BULK}


def test_a_stopped_hub_leaves_all_groups(simulation: SimulatedHub) -> None:
    simulation.follow("alice")
    simulation.follow("bob").leave()
    simulation.stop()
    assert simulation.layer.groups == {}
    assert simulation.layer.receivers == 0


# -- leaving and stopping ------------------------------------------------------------------------------------


def test_nothing_is_left_of_those_who_have_left(simulation: SimulatedHub) -> None:
    simulation.write("alice", 30)
    before = counted("subscriptions")
    simulation.log.held = True
    for after in (None, ORIGIN, Position("e1", 3), Position("e1", 30), Position("x", 1)):
        simulation.follow("alice", after).leave()
        simulation.follow("bob", after).leave()
        simulation.settle()
    simulation.log.release()
    for _ in range(8):
        simulation.reconcile()
    hub = simulation.hub
    assert hub._open_inboxes == {}
    assert hub._reader._reads == []
    assert hub._reader._opening == set()
    assert set(simulation.layer.groups) <= {BULK}
    assert counted("subscriptions") == before
    assert counted("open_inboxes") == 0


@pytest.mark.parametrize("turns", range(12))
def test_a_subscriber_may_leave_at_any_moment_of_a_resumption(
    simulation: SimulatedHub, turns: int
) -> None:
    simulation.write("alice", 30)
    simulation.follow("alice")
    leaver = Follower(simulation, "alice", Position("e1", 2))
    stayer = Follower(simulation, "alice", Position("e1", 4))
    for _ in range(turns):
        simulation.loop.step()
    leaver.leave()
    simulation.settle()
    assert leaver.task.cancelled()
    assert stayer.sequences == numbers(5, 30)
    simulation.write("alice")
    assert stayer.sequences[-1] == 31


def test_stopping_ends_everybody_wherever_they_wait(simulation: SimulatedHub) -> None:
    simulation.write("alice", 30)
    waiting = simulation.follow("alice")
    slow = simulation.follow("alice")
    slow.is_free.clear()
    simulation.write("alice")
    simulation.log.held = True
    reading = simulation.follow("alice", Position("e1", 3))
    opening = simulation.follow("bob")
    assert simulation.log.is_stopped
    also_reading = simulation.follow("alice", Position("e1", 4))
    simulation.stop()
    for follower in (waiting, reading, also_reading, opening):
        assert follower.ended
        assert follower.task.done()
    slow.is_free.set()
    simulation.settle()
    assert slow.ended
    assert simulation.hub.is_closed


@pytest.mark.parametrize("turns", range(12))
def test_stopping_at_any_moment_of_a_resumption_ends_it(turns: int) -> None:
    simulation = SimulatedHub()
    simulation.write("alice", 30)
    follower = Follower(simulation, "alice", Position("e1", 2))
    for _ in range(turns):
        simulation.loop.step()
    simulation.stop()
    assert follower.ended
    simulation.close()


def test_no_subscription_opens_once_the_hub_has_stopped(simulation: SimulatedHub) -> None:
    simulation.stop()
    assert simulation.follow("alice").ended
    with pytest.raises(HubClosed):
        simulation.loop.result_of(simulation.hub.read("alice", ORIGIN))


def test_a_hanging_layer_does_not_hold_up_the_stop_for_long(simulation: SimulatedHub) -> None:
    for name in ("alice", "bob", "carol"):
        simulation.follow(name)
    simulation.layer.health = Health.HANGS
    stopping = simulation.loop.create_task(simulation.hub.stop())
    simulation.settle()
    simulation.loop.advance(SMALL.layer_seconds)
    assert stopping.done()


def test_a_layer_that_swallows_a_cancellation_does_not_keep_the_hub_running(
    simulation: SimulatedHub,
) -> None:
    simulation.layer.swallows_cancellation = True
    stopping = simulation.loop.create_task(simulation.hub.stop())
    simulation.settle()
    assert not simulation.layer.swallows_cancellation
    assert not stopping.done()
    simulation.loop.advance(1)
    assert stopping.done()
    assert simulation.layer.receivers == 0


# -- cost ----------------------------------------------------------------------------------------------------


def test_a_thousand_subscribers_that_open_at_once_cost_a_handful_of_queries() -> None:
    simulation = SimulatedHub(config=HubConfig())
    for n in range(1000):
        simulation.log.write(f"user{n}", 5)
    followers = [
        Follower(simulation, f"user{n}", Position(f"e{n + 1}", n % 5) if n % 2 else None)
        for n in range(1000)
    ]
    simulation.settle()
    assert sum(len(follower.got) for follower in followers) == sum(
        5 - n % 5 for n in range(1, 1000, 2)
    )
    assert len(simulation.log.calls) <= 5
    simulation.close()


def test_a_thousand_subscribers_that_lag_at_once_cost_a_handful_of_queries() -> None:
    simulation = SimulatedHub(config=dataclasses.replace(SMALL, page_length=100))
    followers = [simulation.follow("alice") for _ in range(1000)]
    for follower in followers:
        follower.is_free.clear()
    simulation.write("alice", 50)
    simulation.log.calls.clear()
    for follower in followers:
        follower.is_free.set()
    simulation.settle()
    assert all(follower.sequences == numbers(1, 50) for follower in followers)
    assert len(simulation.log.calls) <= 4
    simulation.close()


def test_a_quiet_hub_asks_one_question_each_time_the_watch_comes_round(
    simulation: SimulatedHub,
) -> None:
    for n in range(50):
        simulation.follow(f"user{n}")
    simulation.log.calls.clear()
    for _ in range(3):
        simulation.reconcile()
    assert simulation.log.calls == [("heads", 50)] * 3


def test_what_doorbells_brought_and_what_the_log_had_to_make_good_is_counted(
    simulation: SimulatedHub,
) -> None:
    def counts() -> list[float]:
        verdicts = ("appended", "known", "gap")
        received = [counted("doorbells_received_total", outcome=verdict) for verdict in verdicts]
        return [counted("events_recovered_total"), counted("log_reads_total"), *received]

    simulation.log.write("alice")
    simulation.follow("alice")
    before = counts()
    first, _, third = simulation.log.write("alice", 3)
    simulation.ring([first, first, third])
    assert [new - old for old, new in zip(before, counts(), strict=True)] == [2, 1, 1, 1, 1]


def test_unreadable_doorbells_are_counted_and_logged_once_a_minute(
    simulation: SimulatedHub, caplog: pytest.LogCaptureFixture
) -> None:
    simulation.follow("alice")
    before = counted("doorbells_unreadable_total")
    simulation.hub.on_message({"alice": [b"alice e1 x", b"bob e1 1"], "bob": [b"?"]})
    simulation.hub.on_message({"alice": [b"alice e1 x"]})
    assert counted("doorbells_unreadable_total") == before + 3
    assert [record.getMessage() for record in caplog.records] == [
        "The reading of doorbells fails: ValueError: invalid literal for int() with base 10: 'x'"
    ]


class TestARush:
    """Many who come within a moment are read for together, and nobody else waits."""

    def come(self, simulation: SimulatedHub, numbers: range) -> list[Follower]:
        followers = [Follower(simulation, f"inbox-{number}", None) for number in numbers]
        simulation.followers += followers
        simulation.loop.settle()
        return followers

    def test_those_who_come_right_after_many_are_read_for_together(
        self, simulation: SimulatedHub
    ) -> None:
        self.come(simulation, range(20))
        assert simulation.log.calls == [("heads", 20)]
        late = [self.come(simulation, range(20 + number, 21 + number))[0] for number in range(10)]
        assert simulation.log.calls == [("heads", 20)]
        simulation.loop.advance(0.05)
        # The first twenty once more: meanwhile they have been joined to their groups.
        assert simulation.log.calls == [("heads", 20), ("heads", 30)]
        assert all(follower.began is not None for follower in late)

    @pytest.mark.parametrize(("count", "pause"), [(8, 0.05), (75, 0.15), (200, 0.25)])
    def test_the_more_there_were_the_longer_others_are_waited_for(
        self, simulation: SimulatedHub, count: int, pause: float
    ) -> None:
        self.come(simulation, range(count))
        (late,) = self.come(simulation, range(count, count + 1))
        simulation.loop.advance(pause - 0.001)
        assert late.began is None
        simulation.loop.advance(0.001)
        assert late.began is not None

    def test_one_who_comes_after_few_is_read_for_at_once(self, simulation: SimulatedHub) -> None:
        self.come(simulation, range(3))
        (follower,) = self.come(simulation, range(3, 4))
        assert follower.began is not None
