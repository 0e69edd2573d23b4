"""What a peer is: a server; one of sockets has a way to subscribe to it, and a way in for events."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from benchmarks.client_protocols import ClientProtocol
from benchmarks.processes import cpu_seconds
from benchmarks.publishing import Publisher
from benchmarks.testbed import Testbed
from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.redis_server import RedisServer


class Missing(Exception):
    """Raised when a peer cannot run on this machine; the message gives the reason in one line."""


class Peer(ABC):
    """One server under measurement. The same class is started anew for each workload and round."""

    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        testbed: Testbed,
        streams: int,
        *,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a server with so many recipients. Several processes and settings are for the product alone."""
        self.testbed = testbed
        self.streams = streams
        self.workers = workers
        self.settings = dict(settings or {})
        self.port = free_port()
        self.children: list[Child] = []
        self.redis: RedisServer | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return LOOPBACK, self.port

    @property
    def pids(self) -> list[int]:
        """The processes whose cost counts."""
        return [child.pid for child in self.children]

    @abstractmethod
    async def start(self) -> None:
        """Start the server and return when it listens. Raise Missing if this machine cannot run it."""

    async def stop(self) -> None:
        """End everything that belongs to this peer."""
        for child in self.children:
            child.kill()
        self.children.clear()
        if self.redis is not None:
            self.redis.kill()
            self.redis = None

    def apart(self) -> dict[str, float]:
        """Return the processor time of the servers beside it, by name."""
        return {} if self.redis is None else {"redis": cpu_seconds([self.redis.child.pid])}

    def own_redis(self) -> RedisServer:
        """Start a Redis for this peer alone."""
        self.redis = self.testbed.redis()
        return self.redis

    def wait_for(self, child: Child) -> None:
        """Return when a server accepts connections."""
        self.children.append(child)
        child.wait_until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0


class SocketPeer(Peer):
    """A server that sends events to subscribed sockets."""

    @abstractmethod
    def client_protocol(self, stream: int) -> ClientProtocol:
        """Return the client side of the protocol for a socket of one of the recipients."""

    @abstractmethod
    async def publisher(self, *, prerecord: int) -> Publisher:
        """Return how events get in, once the sockets are open.

        `prerecord`: how many events to prepare, because at that rate publishing them in the usual way would be
        the bottleneck; 0 publishes in the usual way.
        """


Make = Callable[..., SocketPeer]
"""Makes a peer, as `Peer.__init__` does, on the site of the run."""
