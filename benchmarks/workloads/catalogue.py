"""All workloads, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.peers.peer import Peer
from benchmarks.peers.product import Product
from benchmarks.testbed import Testbed
from benchmarks.workloads import asking, paging, requesting
from benchmarks.workloads.crowding import crowd
from benchmarks.workloads.delivering import fan_out, groups, round_trip, two_processes, unicast
from benchmarks.workloads.idling import idle
from benchmarks.workloads.mixing import mixed
from benchmarks.workloads.storming import storm, storm_pages
from benchmarks.workloads.writing import lists, send, send_many

Carry = Callable[[Any, int, float], Awaitable[dict[str, float]]]
"""Is given what makes a peer: `Make` or `MakeHTTP`, by who does the workload."""


@dataclass(frozen=True)
class Workload:
    """Something that a peer is made to do."""

    name: str
    title: str
    carry: Carry
    peers: tuple[str, ...]
    """Who does it."""
    sizes: tuple[int, ...] = ()
    """Numbers of sockets, where they are not those of the run."""
    counted: str = "Sockets"
    """What these are numbers of."""

    def is_for(self, peer: type[Peer]) -> bool:
        """Whether a peer does this workload. Another checkout of the product does what the product does."""
        return peer.name.replace("earlier", Product.name) in self.peers

    async def measure(
        self, testbed: Testbed, peer: type[Peer], sockets: int, seconds: float
    ) -> dict[str, float]:
        """Have the peer do it, and return the figures."""
        return await self.carry(partial(peer, testbed), sockets, seconds)


OURS = (Product.name,)
BOTH_APIS = (Product.name, "product-json")
COMPARED = (*BOTH_APIS, "strawberry-uvicorn", "strawberry-tuned", "node-graphql-ws", "nchan")
STREAMS = (
    *COMPARED,
    *("strawberry-daphne", "strawberry-pubsub", "channels-json", "channels-json-pubsub"),
    *("node-yoga", "socketio"),
)
CROWDED = (*BOTH_APIS, "node-graphql-ws", "nchan")
GRAPHQL_HTTP = (
    *(Product.name, "product-sqlite"),
    *("strawberry-async", "strawberry-sync", "strawberry-django"),
    *("yoga-inbox", "mercurius"),
)
LISTS = (*GRAPHQL_HTTP, "product-prepared", "drf", "django-ninja")
PAGES = (Product.name, "product-sqlite", "strawberry-pages", "yoga-pages")
CONNECTIONS = (8,)
WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("fanout", "every event to all sockets of one user", fan_out, STREAMS),
        Workload("unicast", "each event to one of as many users as sockets", unicast, STREAMS),
        Workload(
            "groups", "each event to 100 users with 100 sockets each", groups, CROWDED, (10_000,)
        ),
        Workload("idle", "open sockets, each of another user, and leave them alone", idle, STREAMS),
        Workload("crowd", "as many idle sockets as one machine holds", crowd, OURS, (100_000,)),
        Workload(
            "growth", "fan-out to more and more sockets", fan_out, COMPARED, (100, 1000, 5000)
        ),
        Workload("roundtrip", "one `send` at a time to one socket", round_trip, BOTH_APIS, (1,)),
        Workload("send", "`send` and the bare transaction of the ORM", send, OURS, (1,)),
        Workload("sendmany", "`send_many` to 10,000 users", send_many, OURS, (1000,)),
        Workload("lists", "inboxes of 100 and of 1,000,000 notifications", lists, OURS, (1,)),
        Workload(
            "storm", "clients that resume at once, 20 events missed each", storm, OURS, (5000,)
        ),
        Workload("processes", "fan-out by one process and by two", two_processes, OURS, (1000,)),
        Workload(
            "http-typename",
            "`{ __typename }` over HTTP",
            requesting.typename,
            (*GRAPHQL_HTTP, "asgi-floor"),
            CONNECTIONS,
            "Connections",
        ),
        Workload(
            "http-viewer",
            "`{ viewer { id username } }` over HTTP",
            requesting.viewer,
            GRAPHQL_HTTP,
            CONNECTIONS,
            "Connections",
        ),
        Workload(
            "http-list",
            "the newest of an inbox over HTTP: 8 fields with the sender, and the counts",
            requesting.lists,
            LISTS,
            CONNECTIONS,
            "Connections",
        ),
        Workload(
            "socket-list",
            "the same lists, asked for on sockets that are open",
            asking.lists,
            (*BOTH_APIS, "product-sqlite"),
            CONNECTIONS,
        ),
        Workload(
            "http-mark",
            "`markRead` over HTTP",
            requesting.mark,
            GRAPHQL_HTTP,
            CONNECTIONS,
            "Connections",
        ),
        Workload(
            "http-send",
            "`send` over HTTP",
            requesting.send,
            GRAPHQL_HTTP,
            CONNECTIONS,
            "Connections",
        ),
        Workload(
            "http-processes",
            "the caller and a list over HTTP, by one process and by two",
            requesting.two_processes,
            OURS,
            (16,),
            "Connections",
        ),
        Workload(
            "page",
            "a list over HTTP, then a socket that is subscribed after its position",
            paging.page,
            PAGES,
            (1000,),
            "Pages",
        ),
        Workload(
            "storm-pages",
            "pages that come back at once, 20 events missed each",
            storm_pages,
            OURS,
            (5000,),
            "Pages",
        ),
        Workload(
            "mixed",
            "open sockets, while their users ask for lists, mark and are sent notifications",
            mixed,
            (Product.name, "product-sqlite"),
            (1000,),
        ),
    )
}
