"""How fast clients come back, and how the server collects them: the product's own numbers.

Those of the clients are in `frontend/client/reconnecting.ts`, and the waits as `frontend/client/backoff.ts` makes
them; a test compares. Those of the server are imported.
"""

from __future__ import annotations

from dataclasses import dataclass

from live_inbox.batching import pause_after
from live_inbox.conf import InboxSettings
from live_inbox_site.process_tuning import SWITCH_SECONDS

__all__ = ["CLIENT_BACKOFF", "QUERY_SECONDS", "RECONCILE_SECONDS", "ClientBackoff", "pause_after"]

QUERY_SECONDS = 20 * SWITCH_SECONDS
"""How long a query takes whose database answers at once, while the event loop is busy: its thread gives up the
processor some 12 times (docs/performance.md, "Changes in one statement"), and gets it again after one interval of the
interpreter each time. The answer waits for a turn of the loop besides, and for the network; 20 in all are assumed."""

RECONCILE_SECONDS = float(InboxSettings.model_fields["reconcile_seconds"].default)


@dataclass(frozen=True)
class ClientBackoff:
    """The waits of the clients in `frontend/`, in seconds."""

    first_seconds: float = 1.0
    longest_seconds: float = 30.0
    connect_seconds: float = 15.0
    """After which a client gives up an attempt that is not acknowledged."""
    notice_seconds: float = 15.0
    """The longest until a client notices a connection that is dead and has not been closed: a ping and its pong."""

    def longest(self, failure: int) -> float:
        """Return the longest wait after so many failures in a row, the loss of the connection included."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(failure - 1, 30))

    def wait(self, failure: int, chance: float) -> float:
        """Return one wait: the upper half of the longest, by a number of [0, 1)."""
        longest = self.longest(failure)
        return longest / 2 + chance * longest / 2


CLIENT_BACKOFF = ClientBackoff()
