"""What the hub counts: replays, reconciliations, and what has been delivered from where."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live_inbox.delivery.log import DeliverySource
from live_inbox.delivery.position import Position
from tests.delivery.fake_log import FakeEntry
from tests.delivery.metric_values import counted
from tests.delivery.simulated_hub import SimulatedHub

Delivered = list[tuple[int, DeliverySource]]


@pytest.fixture
def delivered() -> Delivered:
    return []


@pytest.fixture
def simulation(delivered: Delivered) -> Iterator[SimulatedHub]:
    def note(entry: FakeEntry, source: DeliverySource) -> None:
        delivered.append((entry.sequence, source))

    simulation = SimulatedHub(on_delivered=note)
    yield simulation
    simulation.close()


def test_what_doorbells_and_the_log_deliver_is_reported_once_a_batch(
    simulation: SimulatedHub, delivered: Delivered
) -> None:
    simulation.write("alice")
    follower = simulation.follow("alice")
    simulation.write("alice", 2)
    assert delivered == [(2, DeliverySource.DOORBELL), (3, DeliverySource.DOORBELL)]
    simulation.log.write("alice", 3)
    simulation.reconcile()
    assert delivered[2:] == [(6, DeliverySource.LOG)]
    assert follower.sequences == [2, 3, 4, 5, 6]


def test_a_doorbell_that_brings_nothing_new_is_not_reported(
    simulation: SimulatedHub, delivered: Delivered
) -> None:
    simulation.follow("alice")
    lines = simulation.write("alice")
    simulation.ring(lines)
    assert len(delivered) == 1


def test_reconciliations_are_counted_by_what_they_find(simulation: SimulatedHub) -> None:
    def reconciliations() -> tuple[float, float]:
        found = counted("reconciliations_total", result="found")
        return found, counted("reconciliations_total", result="nothing")

    simulation.follow("alice")
    found, nothing = reconciliations()
    simulation.reconcile()
    assert reconciliations() == (found, nothing + 1)
    simulation.log.write("alice")
    simulation.reconcile()
    assert reconciliations() == (found + 1, nothing + 1)
    simulation.reconcile()
    assert reconciliations() == (found + 1, nothing + 2)


def test_the_size_of_replays_is_observed(simulation: SimulatedHub) -> None:
    simulation.write("alice", 9)
    simulation.follow("alice")
    pages, events = counted("replay_events_count"), counted("replay_events_sum")
    behind = simulation.follow("alice", Position("e1", 2))
    assert behind.sequences == list(range(3, 10))
    assert counted("replay_events_count") == pages + 1
    assert counted("replay_events_sum") == events + 7
