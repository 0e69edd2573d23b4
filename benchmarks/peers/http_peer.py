"""What a peer of the works over HTTP is: a server with inboxes, and how a user asks it for something."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import orjson

from benchmarks.asking_protocols import AskingProtocol
from benchmarks.client_protocols import ClientProtocol, GraphQLClientProtocol
from benchmarks.http_messages import request
from benchmarks.inboxes import Filled, Inboxes
from benchmarks.operations import Operation, data_of
from benchmarks.peers.peer import Peer


class HTTPPeer(Peer):
    """A server that answers GraphQL at one path, for users with tokens."""

    path: ClassVar[str] = "/graphql/"
    warm_up_seconds: ClassVar[float] = 1.5
    """How long it is asked before anything is measured."""
    filled: Filled
    tokens: list[str]

    @abstractmethod
    async def start_with(self, inboxes: Inboxes) -> None:
        """Start the server with these inboxes, and with a token for each user. Raise Missing as `start` does."""

    async def start(self) -> None:
        """Start with no inboxes."""
        await self.start_with(Inboxes(()))

    def request(self, user: int, operation: Operation) -> bytes:
        """Return a request of one of the users, counted from zero."""
        body = orjson.dumps({"query": operation.query, "variables": dict(operation.variables)})
        return request("POST", self.host, self.path, token=self.tokens[user], body=body)

    def data(self, value: Any) -> Any:
        """Return what GraphQL calls `data` out of the JSON of an answer. Raise Wrong if there are errors."""
        return data_of(value)

    @property
    def host(self) -> str:
        """The host and port that requests name."""
        return "{}:{}".format(*self.address)


class PagePeer(HTTPPeer):
    """A server that pages can be loaded from: a list over HTTP, then a socket."""

    @abstractmethod
    def page_protocol(self, user: int, after: str) -> ClientProtocol:
        """Return the client side of a socket that is subscribed after the position of a list."""


def bearer_protocol(peer: HTTPPeer, user: int, after: str) -> ClientProtocol:
    """Return that of GraphQL, at the address of requests, with the user's token in the first message."""
    payload = {"Authorization": f"Bearer {peer.tokens[user]}"}
    return GraphQLClientProtocol(peer.path, payload, after)


class AskedPeer(HTTPPeer):
    """A server that can be asked on sockets as well."""

    @abstractmethod
    def asking_protocol(self, user: int) -> AskingProtocol:
        """Return the client side of the protocol for a socket of one of the users, counted from zero."""


MakeHTTP = Callable[..., HTTPPeer]
"""Makes a peer, as `Peer.__init__` does, on the site of the run."""
