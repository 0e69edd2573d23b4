from __future__ import annotations

import dataclasses
import logging

import pytest

from live_inbox.delivery.doorbell import BULK_GROUP, group_of
from live_inbox.delivery.hub import HubClosed, HubRules
from live_inbox.delivery.log import Loss
from live_inbox.delivery.position import ORIGIN, Position
from tests.delivery.counting import counted
from tests.delivery.pretend_layer import Health
from tests.delivery.pretend_log import Line
from tests.delivery.stage import SMALL, Follower, Stage

pytestmark = pytest.mark.stack("embedded")


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


# -- well ----------------------------------------------------------------------------------------------------


def test_a_subscriber_gets_what_is_committed_from_then_on(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice")
    assert alice.began == Position("e1", 3)
    stage.write("alice", 2)
    assert alice.got == [Line("alice", "e1", 4), Line("alice", "e1", 5)]


def test_a_subscriber_resumes_after_its_position(stage: Stage) -> None:
    stage.write("alice", 5)
    alice = stage.follow("alice", Position("e1", 2))
    assert alice.sequences == [3, 4, 5]
    stage.write("alice")
    assert alice.sequences == [3, 4, 5, 6]


def test_an_inbox_that_was_never_touched_begins_at_the_origin(stage: Stage) -> None:
    now, resuming = stage.follow("alice"), stage.follow("alice", ORIGIN)
    assert now.began == resuming.began == ORIGIN
    stage.write("alice", 2)
    assert now.got == resuming.got == [Line("alice", "e1", 1), Line("alice", "e1", 2)]


def test_the_origin_resumes_an_inbox_from_its_first_event(stage: Stage) -> None:
    stage.write("alice", 3)
    assert stage.follow("alice", ORIGIN).sequences == [1, 2, 3]
    assert stage.follow("alice", Position("e1", 0)).sequences == [1, 2, 3]


def test_inboxes_do_not_see_each_other(stage: Stage) -> None:
    alice, bob = stage.follow("alice"), stage.follow("bob")
    stage.write("alice", 2)
    stage.write("bob", 1)
    assert alice.got == [Line("alice", "e1", 1), Line("alice", "e1", 2)]
    assert bob.got == [Line("bob", "e2", 1)]


def test_every_subscriber_has_its_own_place(stage: Stage) -> None:
    stage.write("alice", 4)
    places = [stage.follow("alice", Position("e1", n)) for n in range(5)]
    stage.write("alice")
    assert [place.sequences for place in places] == [numbers(n + 1, 5) for n in range(5)]


# -- bad doorbells -------------------------------------------------------------------------------------------


def test_a_lost_doorbell_costs_one_watch_at_most(stage: Stage) -> None:
    alice = stage.follow("alice")
    stage.log.write("alice", 3)
    stage.settle()
    assert alice.got == []
    stage.loop.advance(1.9)
    assert alice.got == []
    stage.loop.advance(0.1)
    assert alice.sequences == [1, 2, 3]


def test_a_doorbell_that_jumps_makes_the_hub_read_the_log_at_once(stage: Stage) -> None:
    alice = stage.follow("alice")
    lines = stage.log.write("alice", 3)
    stage.ring(lines[2:])
    assert alice.sequences == [1, 2, 3]


def test_doorbells_in_any_order_and_number_change_nothing(stage: Stage) -> None:
    alice = stage.follow("alice")
    lines = stage.log.write("alice", 4)
    stage.ring([lines[1], lines[3], lines[0], lines[0], lines[2], lines[3]])
    stage.ring(lines)
    assert alice.sequences == [1, 2, 3, 4]


def test_a_doorbell_of_another_epoch_makes_the_hub_compare_with_the_log(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice")
    stage.ring([Line("alice", "gone", 4)])
    assert alice.got == []
    stage.write("alice")
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
    stage: Stage, frames: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    alice = stage.follow("alice")
    stage.log.write("alice", 2)
    stage.hub.on_message({"alice": frames})
    stage.settle()
    assert alice.sequences == [1, 2]
    assert "could not be read" in caplog.text


@pytest.mark.parametrize(
    "rung",
    [None, 7, "alice", [], {"alice": None}, {"alice": 7}, {"alice": "x"}, {7: []}, {"alice": {}}],
)
def test_a_message_that_makes_no_sense_does_not_stop_the_hub_from_listening(
    stage: Stage, rung: object
) -> None:
    alice = stage.follow("alice")
    stage.layer.deliver_to_everybody({"type": "inbox.events", "from": "other", "inboxes": rung})
    stage.layer.deliver_to_everybody({"type": "something.else"})
    stage.layer.deliver_to_everybody(rung)
    stage.loop.advance(1.0)
    assert stage.ring_through_layer(stage.log.write("alice"))
    assert alice.sequences == [1]


def test_an_entry_rung_for_the_wrong_inbox_is_not_believed(stage: Stage) -> None:
    alice = stage.follow("alice")
    bobs = stage.log.write("bob")
    stage.hub.on_message({"alice": [b"bob %s 1" % bobs[0].epoch.encode()]})
    stage.settle()
    assert alice.got == []
    stage.write("alice")
    assert [line.inbox for line in alice.got] == ["alice"]


def test_doorbells_between_the_look_at_the_head_and_the_reading_of_the_log_are_not_lost(
    stage: Stage,
) -> None:
    stage.log.write("alice", 2)
    stage.log.held = True
    alice = stage.follow("alice", ORIGIN)
    for _ in range(4):
        stage.ring(stage.log.write("alice"))
        stage.log.let_on()
        stage.settle()
    stage.log.release()
    stage.settle()
    assert alice.sequences == [1, 2, 3, 4, 5, 6]


def test_doorbells_that_come_while_an_inbox_is_opened_are_kept(stage: Stage) -> None:
    stage.log.write("alice", 2)
    stage.log.held = True
    alice = stage.follow("alice")
    stage.log.let_on()
    stage.settle()
    third, fourth = stage.log.write("alice", 2)
    stage.ring([fourth, third])
    stage.log.release()
    stage.settle()
    assert alice.began == Position("e1", 4) or alice.sequences == [3, 4]
    assert alice.position == Position("e1", 4)


@pytest.mark.parametrize("has_layer", [True, False])
def test_a_gap_among_early_doorbells_is_filled_without_waiting_for_the_watch(
    has_layer: bool,
) -> None:
    stage = Stage(has_layer=has_layer)
    stage.log.write("alice", 2)
    stage.log.held = True
    alice = stage.follow("alice", Position("e1", 2))
    stage.log.let_on()
    stage.settle()
    _, fourth = stage.log.write("alice", 2)
    stage.ring([fourth])
    stage.log.release()
    stage.settle()
    assert alice.sequences == [3, 4]
    stage.strike()


def test_a_doorbell_of_the_new_epoch_tells_of_a_restored_inbox_at_once(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice")
    stage.log.recreate("alice", events=3)
    stage.write("alice")
    assert alice.losses == [(Position("e1", 3), Loss.EPOCH)]
    assert alice.position == Position("e2", 4)


def test_a_gap_whose_reading_failed_is_read_again_soon(stage: Stage) -> None:
    stage = Stage(rules=dataclasses.replace(SMALL, reconcile_seconds=60.0))
    alice = stage.follow("alice")
    lines = stage.log.write("alice", 3)
    stage.log.failing = True
    stage.ring(lines[2:])
    assert alice.got == []
    stage.log.failing = False
    stage.loop.advance(1.0)
    assert alice.sequences == [1, 2, 3]
    stage.strike()


# -- slow and late -------------------------------------------------------------------------------------------


def test_a_slow_subscriber_loses_nothing_and_holds_nobody_up(stage: Stage) -> None:
    slow, quick = stage.follow("alice"), stage.follow("alice")
    stage.write("alice")
    slow.is_free.clear()
    for _ in range(60):
        stage.write("alice")
    assert quick.sequences == numbers(1, 61)
    assert len(slow.got) <= 2
    slow.is_free.set()
    stage.settle()
    assert slow.sequences == numbers(1, 61)


def test_a_position_far_behind_is_read_from_the_log_page_by_page(stage: Stage) -> None:
    stage.write("alice", 95)
    alice = stage.follow("alice", Position("e1", 3))
    assert alice.sequences == numbers(4, 95)
    stage.write("alice")
    assert alice.sequences == numbers(4, 96)


def test_a_stream_far_behind_is_filled_page_by_page(stage: Stage) -> None:
    alice = stage.follow("alice")
    stage.log.write("alice", 95)
    stage.watch()
    assert alice.sequences == numbers(1, 95)


def test_a_stream_far_behind_is_filled_at_once_however_small_the_pages() -> None:
    stage = Stage(rules=dataclasses.replace(SMALL, run_length=100, page_length=7))
    alice = stage.follow("alice")
    stage.log.write("alice", 95)
    stage.watch()
    assert alice.sequences == numbers(1, 95)
    stage.strike()


@pytest.mark.parametrize("run_length", [4, 50])
@pytest.mark.parametrize("together", [True, False])
def test_who_comes_without_a_position_gets_nothing_old_because_somebody_else_resumes(
    run_length: int, together: bool
) -> None:
    stage = Stage(rules=dataclasses.replace(SMALL, run_length=run_length, page_length=5))
    stage.log.write("alice", 40)
    stage.log.held = True
    resuming = Follower(stage, "alice", Position("e1", 2))
    if not together:
        stage.settle()
    now = Follower(stage, "alice", None)
    stage.settle()
    stage.log.release()
    stage.settle()
    assert resuming.sequences == numbers(3, 40)
    assert now.began == Position("e1", 40)
    assert now.got == []
    stage.strike()


@pytest.mark.parametrize("missed", [1, 9, 10, 11, 45])
def test_who_comes_without_a_position_begins_where_the_log_ends(stage: Stage, missed: int) -> None:
    stage.follow("alice")
    stage.log.write("alice", missed)
    late = stage.follow("alice")
    assert late.began == Position("e1", missed)
    stage.write("alice")
    assert late.sequences == [missed + 1]


def test_who_comes_without_a_position_begins_behind_what_is_lost(stage: Stage) -> None:
    stage.write("alice", 3)
    stage.follow("alice")
    stage.log.recreate("alice", events=5)
    assert stage.follow("alice").began == Position("e2", 5)
    stage.log.write("alice", 20)
    stage.log.prune("alice", keep=2)
    assert stage.follow("alice").began == Position("e2", 25)
    stage.log.inboxes["alice"].torn = {27}
    stage.log.write("alice", 9)
    late = stage.follow("alice")
    assert late.began == Position("e2", 34)
    assert (late.got, late.losses) == ([], [])


# -- positions that cannot be resumed ------------------------------------------------------------------------


def test_a_position_beyond_the_end_is_ahead(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice", Position("e1", 4))
    assert alice.losses == [(Position("e1", 4), Loss.AHEAD)]
    stage.write("alice")
    assert alice.sequences == [4]


def test_a_position_of_another_epoch_is_told_so(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice", Position("other", 2))
    assert alice.losses == [(Position("other", 2), Loss.EPOCH)]
    stage.write("alice")
    assert alice.sequences == [4]


def test_a_position_of_an_inbox_that_does_not_exist_is_of_another_epoch(stage: Stage) -> None:
    alice = stage.follow("alice", Position("e9", 2))
    assert alice.reasons == [Loss.EPOCH]
    assert alice.position == ORIGIN
    stage.write("alice")
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
    stage: Stage, after: Position, lost: bool
) -> None:
    stage.log.write("alice", 8)
    stage.log.prune("alice", keep=2)
    alice = stage.follow("alice", after)
    assert alice.reasons == ([Loss.EXPIRED] if lost else [])
    assert alice.sequences == ([] if lost else numbers(after.sequence + 1, 8))
    stage.write("alice")
    assert alice.sequences[-1:] == [9]


def test_the_origin_has_expired_when_nothing_is_retained(stage: Stage) -> None:
    stage.log.write("alice", 3)
    stage.log.prune("alice", keep=0)
    assert stage.follow("alice", ORIGIN).reasons == [Loss.EXPIRED]
    assert stage.follow("alice", Position("e1", 3)).reasons == []


def test_losing_a_position_is_told_to_each_subscriber_by_its_own_reason(stage: Stage) -> None:
    stage.log.write("alice", 20)
    stage.log.prune("alice", keep=5)
    at_once = [Position("e1", 3), Position("e0", 18), Position("e1", 21), Position("e1", 17)]
    stage.log.held = True
    followers = [stage.follow("alice", position) for position in at_once]
    stage.log.release()
    stage.settle()
    assert [follower.reasons for follower in followers] == [
        [Loss.EXPIRED],
        [Loss.EPOCH],
        [Loss.AHEAD],
        [],
    ]
    assert followers[3].sequences == [18, 19, 20]


# -- databases that change their mind ------------------------------------------------------------------------


def test_an_inbox_that_is_made_anew_resets_its_subscribers(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice")
    stage.log.recreate("alice", events=5)
    stage.watch()
    assert alice.losses == [(Position("e1", 3), Loss.EPOCH)]
    stage.write("alice")
    assert alice.got == [Line("alice", "e2", 6)]


def test_an_inbox_that_vanishes_resets_its_subscribers_to_the_origin(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice")
    stage.log.remove("alice")
    stage.watch()
    assert alice.reasons == [Loss.EPOCH]
    stage.write("alice", 2)
    assert alice.got == [Line("alice", "e2", 1), Line("alice", "e2", 2)]


def test_a_database_that_went_back_resets_who_has_seen_more(stage: Stage) -> None:
    stage.write("alice", 5)
    seen, behind = stage.follow("alice"), stage.follow("alice", Position("e1", 2))
    behind.is_free.clear()
    stage.write("alice", 2)
    stage.log.go_back("alice", to=6)
    stage.watch()
    assert seen.losses == [(Position("e1", 7), Loss.AHEAD)]
    assert behind.reasons == []
    behind.is_free.set()
    stage.settle()
    # It took what it could before the database went back, and only then learned of it.
    assert behind.got[:3] == [Line("alice", "e1", n) for n in (3, 4, 5)]
    stage.write("alice")
    assert seen.sequences[-1] == behind.sequences[-1] == 7


def test_a_subscriber_of_the_new_epoch_never_gets_entries_of_a_stale_stream(stage: Stage) -> None:
    stage.write("alice", 3)
    stale = stage.follow("alice")
    stage.write("alice", 6)
    # Restored, and the watch has not come round: the stream here still holds the old 4 to 9.
    stage.log.recreate("alice", events=5)
    fresh = stage.follow("alice", Position("e2", 2))
    assert fresh.got == [Line("alice", "e2", n) for n in (3, 4, 5)]
    assert stale.reasons == [Loss.EPOCH]
    stage.write("alice")
    assert fresh.got[3:] == stale.got[9:] or fresh.got[3:] == [Line("alice", "e2", 6)]
    assert stale.got[-1] == Line("alice", "e2", 6)


def test_late_doorbells_of_an_epoch_that_is_gone_mislead_nobody(stage: Stage) -> None:
    waiting = stage.follow("alice", ORIGIN)
    stage.log.recreate("alice", events=5)
    stage.ring([Line("alice", "gone", 1)])
    fresh = stage.follow("alice", Position("e1", 5))
    stage.ring([Line("alice", "gone", n) for n in range(2, 9)])
    assert fresh.got == []
    stage.watch()
    stage.write("alice")
    assert fresh.got == [Line("alice", "e1", 6)]
    assert waiting.position == Position("e1", 6)


def test_an_inbox_made_anew_between_the_two_queries_is_not_taken_for_its_successor(
    stage: Stage,
) -> None:
    stage.log.write("alice", 30)
    stage.log.held = True
    alice = stage.follow("alice", Position("e1", 5))
    stage.log.let_on()
    stage.settle()
    stage.log.let_on()
    stage.settle()
    assert stage.log.calls[0][0] == "heads"
    stage.log.release()
    stage.settle()
    assert alice.sequences == numbers(6, 30)

    stage.log.held = True
    late = stage.follow("alice", Position("e1", 6))
    stage.log.let_on()
    stage.settle()
    stage.log.let_on()
    stage.settle()
    stage.log.recreate("alice", events=40)
    stage.log.release()
    stage.settle()
    assert late.got == []
    assert late.reasons == [Loss.EPOCH]


def test_pruning_between_the_two_queries_is_told_and_not_bridged(stage: Stage) -> None:
    stage.log.write("alice", 30)
    stage.follow("alice")
    stage.log.held = True
    late = stage.follow("alice", Position("e1", 6))
    stage.log.let_on()
    stage.settle()
    stage.log.let_on()
    stage.settle()
    stage.log.prune("alice", keep=5)
    stage.log.release()
    stage.settle()
    assert late.losses == [(Position("e1", 6), Loss.EXPIRED)]
    assert late.got == []


def test_pruning_past_a_stream_that_is_behind_resets_who_waits_there(stage: Stage) -> None:
    stage.write("alice", 2)
    alice = stage.follow("alice")
    stage.log.write("alice", 20)
    stage.log.prune("alice", keep=3)
    stage.watch()
    assert alice.losses == [(Position("e1", 2), Loss.EXPIRED)]
    stage.write("alice")
    assert alice.sequences == [23]


@pytest.mark.parametrize("torn", [{6}, {6, 7}, {8}, {6, 7, 8}, {10}, {7, 9}, set(range(6, 40))])
def test_a_hole_in_the_log_is_told_and_neither_spins_nor_hangs(
    stage: Stage, torn: set[int]
) -> None:
    stage.write("alice", 5)
    waiting = stage.follow("alice")
    stage.log.write("alice", 40)
    stage.log.inboxes["alice"].torn = torn
    late = stage.follow("alice", Position("e1", 5))
    stage.watch()
    stage.watch()
    for follower in (waiting, late):
        assert follower.position == Position("e1", 45)
        assert set(follower.reasons) == {Loss.EXPIRED}
        assert not set(follower.sequences) & torn
    calls = len(stage.log.calls)
    stage.settle()
    assert len(stage.log.calls) == calls
    stage.write("alice")
    assert waiting.sequences[-1] == late.sequences[-1] == 46


# -- databases that are away ---------------------------------------------------------------------------------


def test_a_database_that_is_away_delays_and_loses_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.write("alice", 3)
    stage.log.failing = True
    alice, bob = stage.follow("alice", Position("e1", 1)), stage.follow("bob")
    for _ in range(5):
        stage.watch()
    assert alice.began is None
    assert bob.began is None
    assert [r.getMessage() for r in caplog.records] == [
        "The inbox log fails: ConnectionError: the database is away"
    ]
    stage.log.failing = False
    stage.watch()
    assert alice.sequences == [2, 3]
    assert bob.began == ORIGIN
    assert caplog.records[-1].getMessage().startswith("The inbox log works again after ")


def test_subscribers_that_are_up_to_date_do_not_notice_that_the_database_is_away(
    stage: Stage,
) -> None:
    alice = stage.follow("alice")
    stage.log.failing = True
    stage.watch()
    stage.write("alice", 2)
    assert alice.sequences == [1, 2]


def test_a_failing_log_is_asked_once_a_second_at_most(stage: Stage) -> None:
    stage.follow("alice")
    stage.log.failing = True
    stage.log.calls.clear()
    for _ in range(100):
        stage.loop.advance(0.1)
    assert 5 <= len(stage.log.calls) <= 11


def test_a_log_that_is_never_asked_is_not_said_to_work_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.log.failing = True
    alice = stage.follow("alice")
    alice.leave()
    for _ in range(20):
        stage.watch()
    assert "works again" not in caplog.text


def test_the_second_query_failing_delays_and_loses_nothing(stage: Stage) -> None:
    stage.write("alice", 5)
    stage.log.held = True
    alice = stage.follow("alice", Position("e1", 2))
    stage.log.let_on()
    stage.settle()
    stage.log.let_on()
    stage.settle()
    assert stage.log.calls[-1][0] == "read"
    stage.log.failing = True
    stage.log.release()
    stage.settle()
    assert alice.got == []
    stage.log.failing = False
    stage.write("alice")
    stage.watch()
    assert alice.sequences == [3, 4, 5, 6]


# -- layers that are away ------------------------------------------------------------------------------------


@pytest.mark.parametrize("health", [Health.RAISES, Health.HANGS])
def test_without_the_layer_the_log_is_read_as_promptly_as_ever(health: Health) -> None:
    stage = Stage()
    stage.layer.health = health
    stage.log.write("alice", 3)
    alice = stage.follow("alice", Position("e1", 1))
    assert alice.sequences == [2, 3]
    for expected in range(4, 12):
        stage.log.write("alice")
        stage.watch()
        assert alice.sequences == numbers(2, expected)
    alice.leave()
    for _ in range(10):
        stage.watch()
    bob = stage.follow("bob")
    assert bob.began == ORIGIN
    stage.layer.health = Health.WORKS
    for _ in range(5):
        stage.watch()
    assert stage.ring_through_layer(stage.log.write("bob"))
    assert bob.sequences == [1]
    stage.strike()


@pytest.mark.parametrize("health", [Health.RAISES, Health.HANGS])
def test_a_layer_that_was_away_is_joined_as_soon_as_it_is_back(health: Health) -> None:
    stage = Stage()
    stage.layer.health = health
    alice = stage.follow("alice")
    for _ in range(4):
        stage.watch()
    stage.layer.health = Health.WORKS
    for _ in range(4):
        stage.watch()
    assert set(stage.layer.groups) == {BULK_GROUP, group_of("alice")}
    assert stage.ring_through_layer(stage.log.write("alice"))
    assert stage.ring_in_bulk(stage.log.write("alice"))
    assert alice.sequences == [1, 2]
    stage.strike()


def test_a_failing_layer_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    stage.layer.health = Health.RAISES
    stage.follow("alice")
    for _ in range(10):
        stage.watch()
    assert [r.getMessage() for r in caplog.records] == [
        "The channel layer (groups) fails: ConnectionError: the layer is away"
    ]
    stage.layer.health = Health.WORKS
    for _ in range(10):
        stage.watch()
    assert (
        caplog.records[1].getMessage().startswith("The channel layer (groups) works again after ")
    )
    assert len(caplog.records) == 2
    stage.strike()


def test_what_is_committed_while_the_layer_is_being_joined_does_not_wait_for_the_watch(
    stage: Stage,
) -> None:
    """Another process may commit after the head was read here and ring before the group was joined."""
    stage.log.held = True
    alice = stage.follow("alice")
    stage.log.write("alice")
    stage.log.release()
    stage.settle()
    joined = group_of("alice") in stage.layer.groups
    assert joined
    assert alice.position == Position("e1", 1)


def test_a_slow_layer_does_not_hold_up_those_who_wait_for_the_log() -> None:
    stage = Stage()
    stage.follow("alice")
    stage.layer.health = Health.HANGS
    for name in ("bob", "carol", "dave"):
        stage.log.write(name, 2)
        assert stage.follow(name, ORIGIN).sequences == [1, 2]
    stage.strike()


def test_without_a_layer_there_is_the_watch() -> None:
    stage = Stage(has_layer=False)
    alice = stage.follow("alice")
    stage.log.write("alice", 2)
    stage.watch()
    assert alice.sequences == [1, 2]
    stage.stop()
    assert alice.ended
    stage.strike()


def test_a_ring_of_this_process_is_not_heard_a_second_time(stage: Stage) -> None:
    alice = stage.follow("alice")
    lines = stage.log.write("alice")
    assert stage.ring_through_layer(lines, sender="own")
    assert alice.got == []
    assert stage.ring_through_layer(lines, sender="other")
    assert alice.sequences == [1]


# -- groups --------------------------------------------------------------------------------------------------


def test_an_inbox_is_left_after_it_was_not_used_for_a_while(stage: Stage) -> None:
    alice = stage.follow("alice")
    alice.leave()
    for _ in range(5):
        stage.watch()
    assert group_of("alice") in stage.layer.groups
    stage.watch()
    assert set(stage.layer.groups) == {BULK_GROUP}
    assert stage.layer.calls.count(("discard", group_of("alice"))) == 1


def test_who_returns_while_the_stream_lingers_costs_no_query(stage: Stage) -> None:
    stage.write("alice", 3)
    alice = stage.follow("alice")
    stage.write("alice", 2)
    alice.leave()
    stage.watch()
    stage.write("alice", 1)
    stage.log.calls.clear()
    back = stage.follow("alice", Position("e1", 4))
    assert back.sequences == [5, 6]
    assert stage.log.calls == []


def test_an_inbox_that_stays_open_does_not_hold_its_events_for_ever(stage: Stage) -> None:
    alice = stage.follow("alice")
    stage.write("alice", 3)
    for _ in range(4):
        stage.watch()
    held = stage.hub._taps["alice"].stream.since(0)
    assert held is not None
    assert held.items == alice.got
    for _ in range(6):
        stage.watch()
    assert stage.hub._taps["alice"].stream.since(2) is None
    back = stage.follow("alice", Position("e1", 1))
    stage.write("alice", 1)
    assert (alice.sequences, back.sequences) == ([1, 2, 3, 4], [2, 3, 4])


def test_who_returns_as_the_stream_is_dropped_is_joined_again(stage: Stage) -> None:
    alice = stage.follow("alice")
    alice.leave()
    for _ in range(5):
        stage.watch()
    stage.loop.advance(1.9)
    # The watch comes round, drops the stream, and before the hub's reader has left the group ...
    stage.loop._now += 0.1
    while "alice" in stage.hub._taps:
        stage.loop.step()
    back = stage.follow("alice")
    assert group_of("alice") in stage.layer.groups
    assert stage.ring_through_layer(stage.log.write("alice"))
    assert back.sequences == [1]


def test_groups_that_could_not_be_left_are_left_later(stage: Stage) -> None:
    for name in ("alice", "bob", "carol"):
        stage.follow(name).leave()
    stage.settle()
    stage.layer.health = Health.RAISES
    for _ in range(10):
        stage.watch()
    stage.layer.health = Health.WORKS
    for _ in range(10):
        stage.watch()
    assert set(stage.layer.groups) == {BULK_GROUP}


def test_a_stopped_hub_leaves_all_groups(stage: Stage) -> None:
    stage.follow("alice")
    stage.follow("bob").leave()
    stage.stop()
    assert stage.layer.groups == {}
    assert stage.layer.receivers == 0


# -- leaving and stopping ------------------------------------------------------------------------------------


def test_nothing_is_left_of_those_who_have_left(stage: Stage) -> None:
    stage.write("alice", 30)
    before = counted("subscriptions")
    stage.log.held = True
    for after in (None, ORIGIN, Position("e1", 3), Position("e1", 30), Position("x", 1)):
        stage.follow("alice", after).leave()
        stage.follow("bob", after).leave()
        stage.settle()
    stage.log.release()
    for _ in range(8):
        stage.watch()
    hub = stage.hub
    assert hub._taps == {}
    assert hub._reads == []
    assert hub._opening == set()
    assert set(stage.layer.groups) <= {BULK_GROUP}
    assert counted("subscriptions") == before
    assert counted("open_inboxes") == 0


@pytest.mark.parametrize("turns", range(12))
def test_a_subscriber_may_leave_at_any_moment_of_a_resumption(stage: Stage, turns: int) -> None:
    stage.write("alice", 30)
    stage.follow("alice")
    leaver = Follower(stage, "alice", Position("e1", 2))
    stayer = Follower(stage, "alice", Position("e1", 4))
    for _ in range(turns):
        stage.loop.step()
    leaver.leave()
    stage.settle()
    assert leaver.task.cancelled()
    assert stayer.sequences == numbers(5, 30)
    stage.write("alice")
    assert stayer.sequences[-1] == 31


def test_stopping_ends_everybody_wherever_they_wait(stage: Stage) -> None:
    stage.write("alice", 30)
    waiting = stage.follow("alice")
    slow = stage.follow("alice")
    slow.is_free.clear()
    stage.write("alice")
    stage.log.held = True
    reading = stage.follow("alice", Position("e1", 3))
    opening = stage.follow("bob")
    assert stage.log.is_stopped
    also_reading = stage.follow("alice", Position("e1", 4))
    stage.stop()
    for follower in (waiting, reading, also_reading, opening):
        assert follower.ended
        assert follower.task.done()
    slow.is_free.set()
    stage.settle()
    assert slow.ended
    assert stage.hub.is_closed


@pytest.mark.parametrize("turns", range(12))
def test_stopping_at_any_moment_of_a_resumption_ends_it(turns: int) -> None:
    stage = Stage()
    stage.write("alice", 30)
    follower = Follower(stage, "alice", Position("e1", 2))
    for _ in range(turns):
        stage.loop.step()
    stage.stop()
    assert follower.ended
    stage.strike()


def test_nobody_is_let_in_once_the_hub_has_stopped(stage: Stage) -> None:
    stage.stop()
    assert stage.follow("alice").ended
    with pytest.raises(HubClosed):
        stage.loop.result_of(stage.hub.read("alice", ORIGIN))


def test_a_hanging_layer_does_not_hold_up_the_stop_for_long(stage: Stage) -> None:
    for name in ("alice", "bob", "carol"):
        stage.follow(name)
    stage.layer.health = Health.HANGS
    stopping = stage.loop.create_task(stage.hub.stop())
    stage.settle()
    stage.loop.advance(SMALL.layer_seconds)
    assert stopping.done()


# -- cost ----------------------------------------------------------------------------------------------------


def test_a_thousand_subscribers_that_open_at_once_cost_a_handful_of_queries() -> None:
    stage = Stage(rules=HubRules())
    for n in range(1000):
        stage.log.write(f"user{n}", 5)
    followers = [
        Follower(stage, f"user{n}", Position(f"e{n + 1}", n % 5) if n % 2 else None)
        for n in range(1000)
    ]
    stage.settle()
    assert sum(len(follower.got) for follower in followers) == sum(
        5 - n % 5 for n in range(1, 1000, 2)
    )
    assert len(stage.log.calls) <= 5
    stage.strike()


def test_a_thousand_subscribers_that_lag_at_once_cost_a_handful_of_queries() -> None:
    stage = Stage(rules=dataclasses.replace(SMALL, page_length=100))
    followers = [stage.follow("alice") for _ in range(1000)]
    for follower in followers:
        follower.is_free.clear()
    stage.write("alice", 50)
    stage.log.calls.clear()
    for follower in followers:
        follower.is_free.set()
    stage.settle()
    assert all(follower.sequences == numbers(1, 50) for follower in followers)
    assert len(stage.log.calls) <= 4
    stage.strike()


def test_a_quiet_hub_asks_one_question_each_time_the_watch_comes_round(stage: Stage) -> None:
    for n in range(50):
        stage.follow(f"user{n}")
    stage.log.calls.clear()
    for _ in range(3):
        stage.watch()
    assert stage.log.calls == [("heads", 50)] * 3


def test_what_doorbells_brought_and_what_the_log_had_to_make_good_is_counted(stage: Stage) -> None:
    def counts() -> list[float]:
        verdicts = ("appended", "known", "gap")
        heard = [counted("doorbells_heard_total", verdict=verdict) for verdict in verdicts]
        return [counted("events_recovered_total"), counted("log_reads_total"), *heard]

    stage.follow("alice")
    before = counts()
    first, _, third = stage.log.write("alice", 3)
    stage.ring([first, first, third])
    assert [new - old for old, new in zip(before, counts(), strict=True)] == [2, 1, 1, 1, 1]


def test_an_unreadable_doorbell_is_logged_with_its_inbox(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.follow("alice")
    with caplog.at_level(logging.ERROR):
        stage.hub.on_message({"alice": [b"?"], "bob": [b"?"]})
    assert [record.getMessage() for record in caplog.records] == [
        "A doorbell for inbox alice could not be read; the log will be."
    ]


class TestARush:
    """Many who come within a moment are read for together, and nobody else waits."""

    def come(self, stage: Stage, numbers: range) -> list[Follower]:
        followers = [Follower(stage, f"inbox-{number}", None) for number in numbers]
        stage.followers += followers
        stage.loop.settle()
        return followers

    def test_those_who_come_right_after_many_are_read_for_together(self, stage: Stage) -> None:
        self.come(stage, range(20))
        assert stage.log.calls == [("heads", 20)]
        late = [self.come(stage, range(20 + number, 21 + number))[0] for number in range(10)]
        assert stage.log.calls == [("heads", 20)]
        stage.loop.advance(0.05)
        # The first twenty once more: meanwhile they have been joined to their groups.
        assert stage.log.calls == [("heads", 20), ("heads", 30)]
        assert all(follower.began is not None for follower in late)

    @pytest.mark.parametrize(("count", "pause"), [(8, 0.05), (75, 0.15), (200, 0.25)])
    def test_the_more_there_were_the_longer_others_are_waited_for(
        self, stage: Stage, count: int, pause: float
    ) -> None:
        self.come(stage, range(count))
        (late,) = self.come(stage, range(count, count + 1))
        stage.loop.advance(pause - 0.001)
        assert late.began is None
        stage.loop.advance(0.001)
        assert late.began is not None

    def test_one_who_comes_after_few_is_read_for_at_once(self, stage: Stage) -> None:
        self.come(stage, range(3))
        (follower,) = self.come(stage, range(3, 4))
        assert follower.began is not None
