"""What the hub counts: replays, reconciliations, and what has been delivered from where."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from live_inbox import metrics
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


def test_reconciliations_are_counted_by_what_they_find(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its own: in the same process, a hub of a server that has just ended may count its last one meanwhile.
    registry = CollectorRegistry()
    counter = Counter("reconciliations", "Of this test.", ["result"], registry=registry)
    monkeypatch.setattr(metrics, "RECONCILIATIONS", counter)
    simulation = SimulatedHub()

    def reconciliations() -> tuple[float | None, float | None]:
        found = registry.get_sample_value("reconciliations_total", {"result": "found"})
        return found, registry.get_sample_value("reconciliations_total", {"result": "nothing"})

    simulation.follow("alice")
    assert reconciliations() == (0, 0)
    simulation.reconcile()
    assert reconciliations() == (0, 1)
    simulation.log.write("alice")
    simulation.reconcile()
    assert reconciliations() == (1, 1)
    simulation.reconcile()
    assert reconciliations() == (1, 2)
    simulation.close()


def test_the_size_of_replays_is_observed(simulation: SimulatedHub) -> None:
    simulation.write("alice", 9)
    simulation.follow("alice")
    pages, events = counted("replay_events_count"), counted("replay_events_sum")
    behind = simulation.follow("alice", Position("e1", 2))
    assert behind.sequences == list(range(3, 10))
    assert counted("replay_events_count") == pages + 1
    assert counted("replay_events_sum") == events + 7


@pytest.mark.parametrize(
    ("written", "rung", "recovered", "first", "source"),
    [
        # The doorbell has come: nothing was lost, though the log is read for it.
        (1, [1], 0, 1, DeliverySource.DOORBELL),
        (2, [1, 2], 0, 2, DeliverySource.DOORBELL),
        # That of one event was lost, or of both.
        (2, [2], 1, 1, DeliverySource.LOG),
        (2, [], 2, 0, DeliverySource.LOG),
    ],
)
def test_the_first_events_of_an_inbox_are_recovered_only_if_their_doorbell_was_lost(
    written: int,
    rung: list[int],
    recovered: int,
    first: int,
    source: DeliverySource,
    simulation: SimulatedHub,
    delivered: Delivered,
) -> None:
    def counts() -> list[float]:
        return [
            counted("events_recovered_total"),
            counted("doorbells_received_total", outcome="first"),
            counted("doorbells_received_total", outcome="gap"),
            counted("reconciliations_total", result="found"),
        ]

    follower = simulation.follow("bob")
    before = counts()
    events = simulation.log.write("bob", written)
    simulation.ring(event for event in events if event.sequence in rung)
    if not rung:
        simulation.reconcile()
    found = [new - old for old, new in zip(before, counts(), strict=True)]
    assert found == [recovered, first, 0, not rung]
    assert follower.sequences == list(range(1, written + 1))
    assert delivered == [(written, source)]
    # What was announced then says nothing about what comes later.
    simulation.log.write("bob", 2)
    simulation.reconcile()
    assert counted("events_recovered_total") == before[0] + recovered + 2
