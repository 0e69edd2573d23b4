"""Whether doorbells reach the servers, where reconciliation delivers as well."""

from __future__ import annotations

from collections.abc import Sequence

from tests.both_apis.devices import GraphQLDevice
from tests.end_to_end.test_shared_metrics import scrape
from tests.stacks.uvicorn_server import ServerProcess


def titles(device: GraphQLDevice, count: int) -> list[str]:
    """Take so many notifications; return their titles."""
    shown = [device.next_change().notification for _ in range(count)]
    return [each.title for each in shown if each is not None]


class TwoServers:
    """Two servers, each with a device of one user. Nothing but `ring_until_heard` may have been sent."""

    def __init__(
        self, servers: Sequence[ServerProcess], opened: Sequence[GraphQLDevice], user: int
    ) -> None:
        self.servers = servers
        self.opened = opened
        self._user = user

    def ring_until_heard(self, title: str, *, first: Sequence[int] = ()) -> None:
        """Send at each server until a doorbell delivers at the other one: reconciliation may come before it.

        Each time, send to the users `first` before that.
        """
        for sender, there in zip(self.opened, reversed(self.servers), strict=True):
            before = _rung(there)
            while _rung(there) == before:
                for user in first:
                    sender.send(user, title)
                sender.send(self._user, title)
                assert [titles(device, 1) for device in self.opened] == [[title], [title]]


def _rung(server: ServerProcess) -> float:
    return scrape(server.port).get('inbox_delivery_seconds_count{source="doorbell"}', 0)
