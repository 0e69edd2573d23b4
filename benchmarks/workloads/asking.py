"""Lists that are asked for on sockets, which are open already and have been authenticated."""

from __future__ import annotations

from itertools import repeat

from benchmarks import operations
from benchmarks.answer_check import Check
from benchmarks.inboxes import UNREAD
from benchmarks.operations import Operation
from benchmarks.peers.http_peer import AskedPeer, MakeHTTP
from benchmarks.peers.product import ProductJSON
from benchmarks.request_loop import Connection, Open, SocketConnection
from benchmarks.workloads.requesting import kinds_of_lists, measured_on, serving


async def lists(make: MakeHTTP, connections: int, seconds: float) -> dict[str, float]:
    """Ask for the lists of `requesting.lists`, each connection on a socket."""
    figures: dict[str, float] = {}
    inboxes, kinds = kinds_of_lists(connections)
    async with serving(make(len(inboxes.sizes)), inboxes) as peer:
        assert isinstance(peer, AskedPeer)
        has_senders = not isinstance(peer, ProductJSON)
        for name, asked in kinds.items():
            made = [
                on_socket(
                    peer,
                    user,
                    operations.newest(first, total=size, unread=UNREAD, has_senders=has_senders),
                )
                for user, size, first in asked
            ]
            found = await measured_on(peer, made, seconds)
            figures |= {f"{name}_{figure}": value for figure, value in found.items()}
    return figures


def on_socket(peer: AskedPeer, user: int, operation: Operation) -> Open:
    """Return what opens a socket on which the same is asked for ever."""

    def make(latencies: list[float]) -> Connection:
        protocol = peer.asking_protocol(user)
        exchange = protocol.ask(operation), Check(protocol.data, operation)
        return SocketConnection(peer.host, protocol, repeat(exchange), latencies)

    return make
