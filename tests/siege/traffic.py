"""The attackers' side of the network: connections of chosen addresses, requests and frames as bytes, and outcomes.

Nothing here obeys a protocol further than an attack needs it. An attacker shares the machine with the server, so what
it sends is made beforehand where that can be.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from benchmarks.frames import CLOSE, TEXT, frame, opening
from tests.siege.plan import Plan
from tests.stacks.ports import LOOPBACK

PAUSE_SECONDS = 0.05
"""Before a client comes back whose connection was ended."""

CONNECTED = "connected"
"""The outcome that is counted for each connection."""

NOTED = ("half", "sent")
"""Outcomes that attacks count themselves: half of a response was read, messages were sent."""

GONE = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
"""What a client sees whose connection the server has ended."""


class Stream:
    """One connection, as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        """Write without waiting."""
        self.writer.write(data)

    async def send(self, data: bytes) -> None:
        """Write, and wait until there is room."""
        self.writer.write(data)
        await self.writer.drain()

    async def response(self) -> str:
        """Read a response to its end and return its status; "closed" if the connection ended instead."""
        try:
            status, _ = await self.answer()
        except asyncio.IncompleteReadError:
            return "closed"
        return status

    async def answer(self) -> tuple[str, bytes]:
        """Read a response to its end and return its status and its body. Raises IncompleteReadError."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        body = b""
        begin = head.find(b"\r\ncontent-length:")
        if begin >= 0:
            end = head.index(b"\r\n", begin + 2)
            body = await self.reader.readexactly(int(head[begin + 17 : end]))
        elif b"transfer-encoding: chunked" in head:
            body = await self.reader.readuntil(b"0\r\n\r\n")
        return head[9:12].decode(), body

    async def message(self) -> tuple[int, bytes]:
        """Read a frame of the server: its first byte and its payload. Raises IncompleteReadError at the end."""
        first, size = await self.reader.readexactly(2)
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return first, await self.reader.readexactly(size)

    async def close_code(self) -> str:
        """Read to the close frame; return "close" with its code, or "closed" if the connection ended without one."""
        with suppress(*GONE):
            while True:
                first, payload = await self.message()
                if first == CLOSE:
                    return f"close {int.from_bytes(payload[:2], 'big')}"
        return "closed"


Client = Callable[[int], Awaitable[None]]
"""What one client of an attack does, again and again. It is given its number."""


class Attacker:
    """The clients of one attack, and what they got."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcomes: Counter[str] = Counter()
        """How often each outcome came: a status, "close" with a code, or "closed"."""

    # -- connections --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def connection(
        self, number: int, *, buffer_bytes: int | None = None
    ) -> AsyncIterator[Stream]:
        """Connect from the address of a client. With a small buffer, little is taken that is not read."""
        connecting = socket.socket()
        connecting.setblocking(False)
        if buffer_bytes is not None:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        addresses = self.plan.addresses
        try:
            connecting.bind((addresses[number % len(addresses)], 0))
            await asyncio.get_running_loop().sock_connect(connecting, (LOOPBACK, self.plan.port))
            limit = 65_536 if buffer_bytes is None else buffer_bytes
            reader, writer = await asyncio.open_connection(sock=connecting, limit=limit)
            self.outcomes[CONNECTED] += 1
        except BaseException:
            connecting.close()
            raise
        try:
            yield Stream(reader, writer)
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def socket(
        self, number: int, *, token: str | None = None, buffer_bytes: int | None = None
    ) -> AsyncIterator[Stream]:
        """Open a GraphQL socket; with a token, up to the acknowledgement. A refusal is counted, and raises OSError."""
        async with self.connection(number, buffer_bytes=buffer_bytes) as stream:
            await stream.send(self.handshake())
            status = await stream.response()
            if status != "101":
                self.outcomes[status] += 1
                raise ConnectionRefusedError
            if token is not None:
                await stream.send(text({"type": "connection_init", "payload": bearer(token)}))
                first, payload = await stream.message()
                if first == CLOSE:
                    self.outcomes[f"close {int.from_bytes(payload[:2], 'big')}"] += 1
                    raise ConnectionRefusedError
            yield stream

    def handshake(self, path: str = "/graphql/") -> bytes:
        """Return the request that opens a socket."""
        return opening("localhost", path, ("Sec-WebSocket-Protocol: graphql-transport-ws",))

    # -- clients ------------------------------------------------------------------------------------------

    def size(self, clients: int) -> int:
        """Return how many clients there are, for so many at full scale."""
        return max(2, int(clients * self.plan.scale))

    async def crowd(self, clients: int, client: Client, *, pause: float = PAUSE_SECONDS) -> None:
        """Let so many clients do something for ever, after a pause whenever their connection was ended."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.size(clients)):
                group.create_task(self._for_ever(client, number, pause))

    async def _for_ever(self, client: Client, number: int, pause: float) -> None:
        while True:
            with suppress(*GONE):
                await client(number)
            await asyncio.sleep(pause)

    async def requests(self, number: int, requests: Iterator[bytes], *, body: bool = True) -> None:
        """Send one request after the other on one connection, each as soon as the last is answered."""
        async with self.connection(number) as stream:
            for request in requests:
                await stream.send(request)
                status = await stream.response()
                self.outcomes[status] += 1
                if status == "closed":
                    return

    async def flood(self, number: int, data: bytes, *, token: str | None = None) -> None:
        """Send data on a socket as fast as the server takes it, until the server closes the socket."""
        async with self.socket(number, token=token) as stream:
            sending = asyncio.create_task(_send_for_ever(stream, data))
            try:
                self.outcomes[await stream.close_code()] += 1
            finally:
                sending.cancel()


async def _send_for_ever(stream: Stream, data: bytes) -> None:
    with suppress(*GONE):
        while True:
            await stream.send(data)
            await asyncio.sleep(0)


def text(message: Mapping[str, Any]) -> bytes:
    """Return a message as a text frame."""
    return frame(json.dumps(message).encode(), TEXT)


def bearer(token: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def get(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a GET."""
    return _request("GET", path, headers or {}, b"")


def post(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a POST of JSON, unless a header says that it is something else."""
    given = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    return _request("POST", path, given, body)


def operation(query: str, token: str = "", variables: Mapping[str, Any] | None = None) -> bytes:
    """Return a POST of a GraphQL operation."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    return post("/graphql/", body, bearer(token))


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
