"""A doorbell that remembers what it was rung for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from live_inbox.events import Event, decode


class RememberingDoorbell:
    """Stands in for the doorbell of the process."""

    def __init__(self) -> None:
        self.rings: list[Mapping[str, Sequence[bytes]]] = []
        self.account_changes: list[list[str]] = []
        self.broken = False

    def ring(self, rung: Mapping[str, Sequence[bytes]], *, traceparent: str | None = None) -> None:
        """Remember; or fail, as no doorbell should."""
        if self.broken:
            raise RuntimeError("the doorbell is broken")
        self.rings.append(rung)

    def ring_empty(self, inboxes: Sequence[str]) -> None:
        """Remember whose accounts have changed."""
        self.account_changes.append(list(inboxes))

    def events(self, user_id: object) -> list[Event]:
        """Return what was rung for one inbox."""
        frames = [frame for rung in self.rings for frame in rung.get(str(user_id), ())]
        return [decode(frame) for frame in frames]
