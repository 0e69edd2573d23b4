"""How subscribers of a hub go on: over several batches, in another log, after a failed read, after they have left."""

from __future__ import annotations

import dataclasses

import pytest

from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from tests.delivery.fake_log import FakeEntry
from tests.delivery.simulated_hub import SMALL, SimulatedHub

pytestmark = pytest.mark.stack("embedded")


class CountingListener:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def on_events(self) -> None:
        self.calls += 1


@pytest.mark.parametrize("batch_length", [1, 3, 9])
def test_a_page_of_several_batches_is_delivered_once(batch_length: int) -> None:
    simulation = SimulatedHub(config=dataclasses.replace(SMALL, batch_length=batch_length))
    simulation.write("alice", 95)
    alice = simulation.follow("alice", Position("e1", 3))
    assert alice.sequences == list(range(4, 96))
    simulation.write("alice")
    assert alice.sequences == list(range(4, 97))
    simulation.close()


@pytest.mark.parametrize("events", [2, 3, 4])
def test_another_log_of_about_the_same_length_resets_open_subscribers(
    simulation: SimulatedHub, events: int
) -> None:
    """As after `check_inboxes --restored` beside a running server: the numbers alone show nothing."""
    simulation.write("alice", 3)
    alice = simulation.follow("alice")
    simulation.log.recreate("alice", events=events)
    simulation.reconcile()
    assert alice.losses == [(Position("e1", 3), ResetReason.EPOCH)]
    simulation.write("alice")
    assert alice.got == [FakeEntry("alice", "e2", events + 1)]


def test_who_reads_an_open_inbox_while_the_log_fails_gets_everything_when_it_is_back(
    simulation: SimulatedHub,
) -> None:
    simulation.write("alice", 30)
    simulation.follow("alice")
    simulation.log.failing = True
    behind = simulation.follow("alice", Position("e1", 3))
    simulation.reconcile()
    assert behind.began == Position("e1", 3)
    assert behind.got == []
    simulation.log.failing = False
    simulation.reconcile()
    assert behind.sequences == list(range(4, 31))


def test_a_listener_that_was_removed_is_not_called(simulation: SimulatedHub) -> None:
    subscription = simulation.loop.result_of(simulation.hub.open("alice"))
    stays, leaves = CountingListener(), CountingListener()
    subscription.add_listener(stays)
    subscription.add_listener(leaves)
    simulation.write("alice")
    assert (stays.calls, leaves.calls) == (1, 1)
    subscription.remove_listener(leaves)
    subscription.remove_listener(leaves)
    simulation.write("alice")
    assert (stays.calls, leaves.calls) == (2, 1)
    subscription.close()
