"""The product itself: `manage.py serve` on PostgreSQL and Redis, with real users, tokens and rows."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.asking_protocols import (
    AskingProtocol,
    GraphQLAskingProtocol,
    JSONAskingProtocol,
)
from benchmarks.checkout import Checkout
from benchmarks.client_protocols import ClientProtocol, GraphQLClientProtocol, JSONClientProtocol
from benchmarks.inboxes import Filled, Inboxes
from benchmarks.peers.http_peer import AskedPeer, PagePeer
from benchmarks.peers.peer import SocketPeer
from benchmarks.processes import cpu_seconds, pin
from benchmarks.publishing import Publisher, RedisPublisher, Writer, connect_redis, resp
from benchmarks.testbed import Testbed
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import Stack, StackName

WRITER = Path(__file__).with_name("product_writer.py")

UNLIMITED = "1000000/second burst 1000000"
MANY = "10000000"
# The limits are checked, and never reached. Addresses without limits would be those of the same machine.
FEW_USERS = {
    "UNLIMITED_ADDRESSES": "192.0.2.1",
    "MAX_CONNECTIONS_PER_ADDRESS": MANY,
    "MAX_SOCKETS_PER_ADDRESS": MANY,
    "MAX_INBOX_NOTIFICATIONS": MANY,
    **dict.fromkeys(
        ("REQUEST_RATE", "CONNECTION_RATE", "HANDSHAKE_RATE", "SOCKET_RATE"), UNLIMITED
    ),
    **dict.fromkeys(("SEND_RATE", "RECIPIENT_RATE", "CHANGE_RATE"), UNLIMITED),
}
"""Settings of the works over HTTP, where a few users ask for what many would."""


class Product(SocketPeer, AskedPeer, PagePeer):
    """The product's GraphQL API."""

    name: ClassVar[str] = "product"
    title: ClassVar[str] = "this product, GraphQL"
    checkout: ClassVar[Checkout] = Checkout()
    stack_name: StackName = "production"

    def __init__(self, testbed: Testbed, streams: int, **options: Any) -> None:
        super().__init__(testbed, streams, **options)
        self.users: list[int] = []
        self.tokens: list[str] = []
        self.writer: Writer | None = None
        self.copied: str | None = None

    @property
    def stack(self) -> Stack:
        """The database server, with a database for this checkout."""
        return self.testbed.stack(self.stack_name, self.checkout)

    async def start(self) -> None:
        """Make the users, then serve."""
        await self.prepare()
        self.serve()

    async def prepare(self) -> None:
        """Make a database with users, and the process that writes into it."""
        self.environment = self.fresh_environment()
        self.writer = await Writer.start(WRITER, self.environment, self.checkout.directory)
        made = await self.writer.request("users", count=self.streams)
        self.users, self.tokens = made["users"], made["tokens"]

    async def start_with(self, inboxes: Inboxes) -> None:
        """Serve these inboxes. A database that requests do not change is filled once in a run."""
        self.settings = {**FEW_USERS, **self.settings}
        key = (self.stack_name, self.checkout, inboxes)
        database, self.filled = await self.testbed.filled(key, partial(self._fill, inboxes))
        if inboxes.is_written:
            database = self.copied = self.stack.copy_of(database)
        self.environment = self.fresh_environment(database)
        self.writer = await Writer.start(WRITER, self.environment, self.checkout.directory)
        self.users = list(self.filled.users)
        self.tokens = await self.writer.request("adopt", users=self.users)
        self.serve()

    async def _fill(self, inboxes: Inboxes) -> tuple[str, Filled]:
        database = self.stack.fresh_database()
        environment = self.testbed.environment(
            self.stack, self.checkout, {**self.settings, "DATABASE_URL": database}
        )
        writer = await Writer.start(WRITER, environment, self.checkout.directory)
        made = await writer.request("fill", sizes=inboxes.sizes, unread=inboxes.unread)
        await writer.close()
        return database, Filled(tuple(made["users"]), tuple(made["first_ids"]))

    def fresh_environment(self, database: str | None = None) -> dict[str, str]:
        """Return the environment of a process of the product, with a Redis and, unless one is given, a database."""
        stack = self.stack
        redis = {"REDIS_URL": self.own_redis().url} if stack.is_production else {}
        # One user has all the sockets of a stream; no real user has so many.
        own = {"DATABASE_URL": database or stack.fresh_database(), "OPERATION_RATE": UNLIMITED}
        self.settings = {**own, **redis, **self.settings}
        return self.testbed.environment(stack, self.checkout, self.settings)

    def serve(self) -> None:
        """Start the server; also after a stop, on the same database."""
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
        command += ["--workers", str(self.workers)] if self.workers > 1 else []
        directory, is_alone = self.checkout.directory, self.workers == 1
        child = self.testbed.serve(
            self.name, command, self.environment, directory, is_alone=is_alone
        )
        self.wait_for(child)
        if self.workers == 1:
            pin(child.pid, self.testbed.processors.server)

    def client_protocol(self, stream: int, after: str | None = None) -> ClientProtocol:
        """Subscribe with the user's token."""
        payload = {"Authorization": f"Bearer {self.tokens[stream]}"}
        return GraphQLClientProtocol("/graphql/", payload, after)

    def page_protocol(self, user: int, after: str) -> ClientProtocol:
        """Subscribe with the user's token."""
        return self.client_protocol(user, after)

    def asking_protocol(self, user: int) -> AskingProtocol:
        """Ask with the user's token."""
        payload = {"Authorization": f"Bearer {self.tokens[user]}"}
        return GraphQLAskingProtocol("/graphql/", payload)

    async def publisher(self, *, prerecord: int) -> Publisher:
        """Send with the product's own services; or ring, at full speed, doorbells of what these have written."""
        assert self.writer is not None
        if not prerecord:
            return self.writer
        return await self._recorded(max(2, prerecord // self.streams) + 1)

    async def _recorded(self, rounds: int) -> Publisher:
        """Write real events, and record their doorbells at a Redis to which only this process subscribes."""
        assert self.redis is not None
        scratch = self.testbed.redis()
        recorder = await _Recorder.listen(scratch)
        environment = self.environment | {"REDIS_URL": scratch.url}
        writer = await Writer.start(WRITER, environment, self.checkout.directory)
        order = await writer.request("record", users=self.users, rounds=rounds)
        messages = await recorder.take(len(order["streams"]))
        await writer.close()
        scratch.kill()
        recorded: list[list[bytes]] = [[] for _ in self.users]
        for stream, (channel, message) in zip(order["streams"], messages, strict=True):
            recorded[stream].append(resp(b"PUBLISH", channel, message))
        publisher = await RedisPublisher.connect(
            self.redis.url, lambda stream, sequence: recorded[stream][sequence]
        )
        publisher.limit = rounds - 1
        return publisher

    def apart(self) -> dict[str, float]:
        """Return the processor time of Redis and PostgreSQL."""
        cluster = self.stack.cluster
        postgres = {} if cluster is None else {"postgres": cpu_seconds([cluster.child.pid])}  # type: ignore[attr-defined]
        return {**super().apart(), **postgres}

    async def stop(self) -> None:
        """End the server and the writer, and remove what was written."""
        if self.writer is not None:
            await self.writer.close()
        await super().stop()
        if self.copied is not None:
            self.stack.remove(self.copied)
            self.copied = None


class ProductJSON(Product):
    """The product's JSON API."""

    name: ClassVar[str] = "product-json"
    title: ClassVar[str] = "this product, JSON API"

    def client_protocol(self, stream: int, after: str | None = None) -> ClientProtocol:
        """Open with the user's token in the address, as its clients do."""
        return JSONClientProtocol(f"/ws/notifications/?token={self.tokens[stream]}")

    def asking_protocol(self, user: int) -> AskingProtocol:
        """Do the same, and ask when told to."""
        return JSONAskingProtocol(f"/ws/notifications/?token={self.tokens[user]}")


class ProductSQLite(Product):
    """The product on SQLite, in one process and without Redis."""

    name: ClassVar[str] = "product-sqlite"
    title: ClassVar[str] = "this product, GraphQL, SQLite"
    stack_name: StackName = "embedded"


class ProductPrepared(Product):
    """The product with statements that PostgreSQL has prepared."""

    name: ClassVar[str] = "product-prepared"
    title: ClassVar[str] = "this product, GraphQL, prepared statements"

    def __init__(self, testbed: Testbed, streams: int, **options: Any) -> None:
        super().__init__(testbed, streams, **options)
        self.settings = {**self.settings, "PREPARED_STATEMENTS": "true"}


class _Recorder(asyncio.Protocol):
    """Records everything that is published on a Redis."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._came = asyncio.Event()

    @classmethod
    async def listen(cls, redis: RedisServer) -> _Recorder:
        """Subscribe to all channels."""
        transport, recorder = await connect_redis(redis.url, cls)
        transport.write(resp(b"PSUBSCRIBE", b"*"))
        await recorder.take(0)
        return recorder

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self._data += data
        self._came.set()

    async def take(self, count: int) -> list[tuple[bytes, bytes]]:
        """Return channels and messages, when as many as expected have come."""
        async with asyncio.timeout(30):
            while True:
                messages = list(_messages(bytes(self._data)))
                if b"psubscribe" in self._data[:100] and len(messages) >= count:
                    return messages[:count] if count else []
                self._came.clear()
                await self._came.wait()


def _messages(data: bytes) -> Any:
    """Yield channel and message of each complete `pmessage` in what Redis has sent."""
    position = data.find(b"*4\r\n")
    while position >= 0:
        words: list[bytes] = []
        position += 4
        for _ in range(4):
            end = data.find(b"\r\n", position)
            if end < 0:
                return
            size = int(data[position + 1 : end])
            if len(data) < end + 2 + size + 2:
                return
            words.append(data[end + 2 : end + 2 + size])
            position = end + 2 + size + 2
        yield words[2], words[3]
        if data[position : position + 4] != b"*4\r\n":
            return
