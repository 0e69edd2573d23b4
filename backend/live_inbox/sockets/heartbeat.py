"""How often the server asks a silent client for a sign of life, where the ASGI server does not."""

from __future__ import annotations

import sys

SERVERS_WITHOUT_PINGS = frozenset({"granian", "hypercorn"})
"""The packages of servers that send no WebSocket pings by themselves. A client that has lost its network stays
connected to them until TCP gives up, which can take hours."""

HEARTBEAT_SECONDS = 20.0
"""As often as uvicorn and daphne send pings."""


def heartbeat_seconds(setting: float | None) -> float:
    """Return the seconds between two pings of a protocol; 0 for none. `setting` is HEARTBEAT_SECONDS of LIVE_INBOX."""
    if setting is not None:
        return setting
    # ASGI does not say which server it is; one that runs this process has been imported.
    return 0.0 if SERVERS_WITHOUT_PINGS.isdisjoint(sys.modules) else HEARTBEAT_SECONDS
