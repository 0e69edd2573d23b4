"""All works, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from benchmarks.peers.peer import Make, Peer
from benchmarks.peers.product import Product
from benchmarks.testbed import Testbed
from benchmarks.works.delivering import fan_out, round_trip, two_processes, unicast
from benchmarks.works.idling import idle
from benchmarks.works.storming import storm
from benchmarks.works.writing import lists, send, send_many

Carry = Callable[[Make, int, float], Awaitable[dict[str, float]]]


@dataclass(frozen=True)
class Work:
    """Something that a peer is made to do."""

    name: str
    title: str
    carry: Carry
    sizes: tuple[int, ...] = ()
    """Numbers of sockets, where they are not those of the run."""
    peers: tuple[str, ...] = ()
    """Who does it, unless all do."""

    def is_for(self, peer: type[Peer]) -> bool:
        """Whether a peer does this work. Another checkout of the product does what the product does."""
        return not self.peers or peer.name.replace("earlier", Product.name) in self.peers

    async def measure(
        self, testbed: Testbed, peer: type[Peer], sockets: int, seconds: float
    ) -> dict[str, float]:
        """Have the peer do it, and return the figures."""
        return await self.carry(partial(peer, testbed), sockets, seconds)


OURS = (Product.name,)
BOTH_APIS = (Product.name, "product-json")
COMPARED = (*BOTH_APIS, "strawberry-uvicorn", "strawberry-tuned", "node-graphql-ws", "nchan")
WORKS = {
    work.name: work
    for work in (
        Work("fanout", "every event to all sockets of one user", fan_out),
        Work("unicast", "each event to one of as many users as sockets", unicast),
        Work("idle", "open sockets, each of another user, and leave them alone", idle),
        Work("growth", "fan-out to more and more sockets", fan_out, (100, 1000, 5000), COMPARED),
        Work("roundtrip", "one `send` at a time to one socket", round_trip, (1,), BOTH_APIS),
        Work("send", "`send` and the bare transaction of the ORM", send, (1,), OURS),
        Work("sendmany", "`send_many` to 10,000 users", send_many, (1000,), OURS),
        Work("lists", "inboxes of 100 and of 1,000,000 notifications", lists, (1,), OURS),
        Work("storm", "clients that resume at once, 20 events missed each", storm, (5000,), OURS),
        Work("processes", "fan-out by one process and by two", two_processes, (1000,), OURS),
    )
}
