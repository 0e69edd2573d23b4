"""A hub that says how many subscriptions have found their place in the log: what is sent from then on, they get."""

from __future__ import annotations

from typing import Any

from live_inbox.delivery.hub import Hub
from live_inbox.delivery.position import Position
from live_inbox.delivery.subscription import Subscription
from live_inbox.events import Event


class WatchedHub(Hub[Event]):
    """A hub of events."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._looking = 0

    @property
    def places(self) -> int:
        """How many subscriptions there are that have found their place."""
        return sum(each.subscribers for each in self._open_inboxes.values()) - self._looking

    async def open(self, inbox: str, after: Position | None = None) -> Subscription[Event]:
        """Subscribe to an inbox, as a hub does."""
        self._looking += 1
        try:
            return await super().open(inbox, after)
        finally:
            self._looking -= 1
