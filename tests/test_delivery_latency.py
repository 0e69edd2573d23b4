"""How long events take to the sockets, as the metric has it."""

from __future__ import annotations

from datetime import UTC, datetime

from live_inbox.delivery.log import DeliverySource
from live_inbox.delivery_latency import EVERY, DeliveryLatency
from live_inbox.events import Event, Kind
from tests.delivery.metric_values import counted

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT = Event("7", "e1", 1, Kind.SEEN, NOON, unread_count=0, total_count=0)


def observed(source: DeliverySource) -> tuple[float, float]:
    count = counted("delivery_seconds_count", source=source.value)
    return count, counted("delivery_seconds_sum", source=source.value)


def test_of_doorbells_the_first_is_measured_and_then_one_in_eight() -> None:
    latency = DeliveryLatency(lambda: NOON.timestamp() + 0.5)
    count, seconds = observed(DeliverySource.DOORBELL)
    for _ in range(EVERY):
        latency(EVENT, DeliverySource.DOORBELL)
    assert observed(DeliverySource.DOORBELL) == (count + 1, seconds + 0.5)
    latency(EVENT, DeliverySource.DOORBELL)
    assert observed(DeliverySource.DOORBELL) == (count + 2, seconds + 1.0)


def test_what_came_by_the_log_is_measured_each_time() -> None:
    latency = DeliveryLatency(lambda: NOON.timestamp() + 2)
    count, seconds = observed(DeliverySource.LOG)
    for _ in range(3):
        latency(EVENT, DeliverySource.LOG)
    assert observed(DeliverySource.LOG) == (count + 3, seconds + 6)


def test_an_event_of_the_future_took_no_time() -> None:
    latency = DeliveryLatency(lambda: NOON.timestamp() - 1)
    count, seconds = observed(DeliverySource.LOG)
    latency(EVENT, DeliverySource.LOG)
    assert observed(DeliverySource.LOG) == (count + 1, seconds)
