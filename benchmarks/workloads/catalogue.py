"""All workloads, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.peers.peer import Make, Peer
from benchmarks.peers.product import Product
from benchmarks.testbed import Testbed
from benchmarks.workloads.delivering import fan_out, round_trip, two_processes, unicast
from benchmarks.workloads.idling import idle
from benchmarks.workloads.storming import storm
from benchmarks.workloads.writing import lists, send, send_many

Carry = Callable[[Make, int, float], Awaitable[dict[str, float]]]


@dataclass(frozen=True)
class Workload:
    """Something that a peer is made to do."""

    name: str
    title: str
    carry: Carry
    sizes: tuple[int, ...] = ()
    """Numbers of sockets, where they are not those of the run."""
    peers: tuple[str, ...] = ()
    """Who does it, unless all do."""

    def is_for(self, peer: type[Peer]) -> bool:
        """Whether a peer does this workload. Another checkout of the product does what the product does."""
        return not self.peers or peer.name.replace("earlier", Product.name) in self.peers

    async def measure(
        self, testbed: Testbed, peer: type[Peer], sockets: int, seconds: float
    ) -> dict[str, float]:
        """Have the peer do it, and return the figures."""
        return await self.carry(partial(peer, testbed), sockets, seconds)


OURS = (Product.name,)
BOTH_APIS = (Product.name, "product-json")
COMPARED = (*BOTH_APIS, "strawberry-uvicorn", "strawberry-tuned", "node-graphql-ws", "nchan")
WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("fanout", "every event to all sockets of one user", fan_out),
        Workload("unicast", "each event to one of as many users as sockets", unicast),
        Workload("idle", "open sockets, each of another user, and leave them alone", idle),
        Workload(
            "growth", "fan-out to more and more sockets", fan_out, (100, 1000, 5000), COMPARED
        ),
        Workload("roundtrip", "one `send` at a time to one socket", round_trip, (1,), BOTH_APIS),
        Workload("send", "`send` and the bare transaction of the ORM", send, (1,), OURS),
        Workload("sendmany", "`send_many` to 10,000 users", send_many, (1000,), OURS),
        Workload("lists", "inboxes of 100 and of 1,000,000 notifications", lists, (1,), OURS),
        Workload(
            "storm", "clients that resume at once, 20 events missed each", storm, (5000,), OURS
        ),
        Workload("processes", "fan-out by one process and by two", two_processes, (1000,), OURS),
    )
}
