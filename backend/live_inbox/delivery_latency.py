"""Measures how long events take from the change to the sockets of this process."""

from __future__ import annotations

from collections.abc import Callable

from live_inbox import metrics
from live_inbox.clock import clock
from live_inbox.delivery.log import DeliverySource
from live_inbox.events import Event

EVERY = 8
"""Of so many batches that doorbells bring, one is measured: measuring costs a microsecond and a half."""


class DeliveryLatency:
    """Observes `inbox_delivery_seconds`: call it when the sockets of an inbox have been given an event.

    An event has the database's time of its change, which precedes the commit. It is compared with the database's clock
    as this process knows it (`live_inbox.clock`). That goes by the clock of the machine while both agree to a second,
    so where clocks are not synchronised, the measurement is as wrong. What seems to come from the future took no time.
    """

    def __init__(self, now: Callable[[], float] = clock.time) -> None:
        self._now = now
        self._to_skip = 0
        self._observe = {
            source: metrics.DELIVERY_SECONDS.labels(source.value).observe
            for source in DeliverySource
        }

    def __call__(self, event: Event, source: DeliverySource) -> None:
        """Note that an event has been written, the last one of a batch. One that came by the log always counts."""
        if source is DeliverySource.DOORBELL:
            if self._to_skip:
                self._to_skip -= 1
                return
            self._to_skip = EVERY - 1
        self._observe[source](max(0.0, self._now() - event.occurred_at.timestamp()))
