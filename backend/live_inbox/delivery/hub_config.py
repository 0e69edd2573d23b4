"""The numbers that shape a hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HubConfig:
    """Limits and intervals of a hub. A server passes those of the settings; the defaults are for hubs without any."""

    run_length: int = 128
    """Events that a live stream keeps, at least, for subscribers that lag or come back."""
    page_length: int = 128
    """Events read from the log at a time for one subscriber. One that does not read its socket holds that many."""
    batch_length: int = 32
    """Events that are delivered at a time, at most. Between batches, a subscriber checks for backpressure: this bounds
    what the server holds for a client that comes back after a long time and does not read."""
    reconcile_seconds: float = 2.0
    """Seconds between reconciliations: the longest that a lost doorbell delays an event."""
    linger_seconds: float = 10.0
    """Seconds that a stream stays after its last subscriber has left, so that clients that reconnect find it. Its
    events stay as long, and up to twice that."""
    layer_seconds: float = 2.0
    """Seconds that the channel layer may take to answer before it counts as down."""
