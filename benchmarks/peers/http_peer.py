"""What a peer of the works over HTTP is: a server with inboxes, and how a user asks it for something."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import orjson

from benchmarks.http_messages import Answer, request
from benchmarks.inboxes import Filled, Inboxes
from benchmarks.operations import Operation, Wrong
from benchmarks.peers.peer import Peer

OK = 200
SHOWN_BYTES = 300


class HTTPPeer(Peer):
    """A server that answers GraphQL at one path, for users with tokens."""

    path: ClassVar[str] = "/graphql/"
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
        if "errors" in value:
            raise Wrong(str(value["errors"])[:SHOWN_BYTES])
        return value["data"]

    @property
    def host(self) -> str:
        """The host and port that requests name."""
        return "{}:{}".format(*self.address)


class Check:
    """Checks the answers to one operation: the first by its content, others as long as they are the same."""

    __slots__ = ("_operation", "_peer", "_right")

    def __init__(self, peer: HTTPPeer, operation: Operation) -> None:
        self._peer = peer
        self._operation = operation
        self._right: bytes | None = None

    def __call__(self, answer: Answer) -> None:
        """Return if the answer is right. Raise Wrong, with its beginning, if it is not."""
        if answer.status != OK:
            raise Wrong(f"{self._peer.name} answers {answer.status}: {answer.body[:SHOWN_BYTES]!r}")
        if answer.body == self._right:
            return
        if not self._operation.is_right(self._peer.data(orjson.loads(answer.body))):
            raise Wrong(f"{self._peer.name} answers wrongly: {answer.body[:SHOWN_BYTES]!r}")
        self._right = answer.body


MakeHTTP = Callable[..., HTTPPeer]
"""Makes a peer, as `Peer.__init__` does, on the site of the run."""
