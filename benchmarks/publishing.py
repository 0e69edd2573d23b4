"""How events get to a peer. Publishing never waits: what cannot be sent at once is sent by the event loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

LINE_LIMIT = 1 << 26
NO_LIMIT = 1 << 62
AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.BaseProtocol)


class Publisher(Protocol):
    """Puts an event into a recipient's stream, in the way that is usual for the peer."""

    pids: tuple[int, ...]
    """Processes that do nothing but publish."""
    limit: int
    """How many events each stream can get, after the warm-up."""

    def publish(self, stream: int, sequence: int) -> None: ...
    async def close(self) -> None: ...


class NullPublisher:
    """Publishes nothing."""

    pids: tuple[int, ...] = ()
    limit = 0

    def publish(self, stream: int, sequence: int) -> None:
        """Refuse."""
        raise RuntimeError("Nothing can be published yet.")

    async def close(self) -> None:
        """Do nothing."""


class _Pipe(asyncio.Protocol):
    """A connection to a server whose answers only matter if they are errors."""

    def __init__(self, error: bytes) -> None:
        self._error = error
        self.errors = 0
        self.last = b""

    def data_received(self, data: bytes) -> None:
        """Look whether all is well."""
        if self._error in data:
            self.errors += 1
            self.last = data[:200]


def resp(*words: bytes) -> bytes:
    """Return a Redis command."""
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


async def connect_redis(
    url: str, protocol: Callable[[], AnyProtocol]
) -> tuple[asyncio.WriteTransport, AnyProtocol]:
    """Connect to a Redis by its address, password included."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_connection(protocol, parts.hostname, parts.port)
    transport.write(resp(b"AUTH", (parts.password or "").encode()))
    return transport, made


class RedisPublisher:
    """Publishes ready bytes on Redis channels, as every client of Redis does in the end."""

    pids: tuple[int, ...] = ()
    limit = NO_LIMIT

    def __init__(
        self, transport: asyncio.WriteTransport, pipe: _Pipe, encode: Callable[[int, int], bytes]
    ) -> None:
        self._transport = transport
        self._pipe = pipe
        self._encode = encode

    @classmethod
    async def connect(cls, url: str, encode: Callable[[int, int], bytes]) -> RedisPublisher:
        """Connect. `encode` returns the command for an event of a stream."""
        transport, pipe = await connect_redis(url, lambda: _Pipe(b"-ERR"))
        return cls(transport, pipe, encode)

    def publish(self, stream: int, sequence: int) -> None:
        """Send the command."""
        self._transport.write(self._encode(stream, sequence))

    async def close(self) -> None:
        """Disconnect; raise RuntimeError if Redis answered with an error."""
        self._transport.abort()
        if self._pipe.errors:
            raise RuntimeError(f"Redis answers: {self._pipe.last!r}")


class HTTPPublisher:
    """Posts each event to a server that keeps its connections open."""

    pids: tuple[int, ...] = ()
    limit = NO_LIMIT
    CONNECTIONS = 8

    def __init__(
        self, pipes: list[tuple[asyncio.WriteTransport, _Pipe]], encode: Callable[[int, int], bytes]
    ) -> None:
        self._pipes = pipes
        self._encode = encode

    @classmethod
    async def connect(
        cls, address: tuple[str, int], encode: Callable[[int, int], bytes]
    ) -> HTTPPublisher:
        """Connect. `encode` returns the request for an event of a stream."""
        loop = asyncio.get_running_loop()
        pipes = [
            await loop.create_connection(lambda: _Pipe(b"HTTP/1.1 4"), *address)
            for _ in range(cls.CONNECTIONS)
        ]
        return cls(list(pipes), encode)

    def publish(self, stream: int, sequence: int) -> None:
        """Send the request; those of one stream use one connection, so that they stay in order."""
        self._pipes[stream % len(self._pipes)][0].write(self._encode(stream, sequence))

    async def close(self) -> None:
        """Disconnect; raise RuntimeError if the server answered with an error."""
        for transport, _ in self._pipes:
            transport.abort()
        if bad := [pipe.last for _, pipe in self._pipes if pipe.errors]:
            raise RuntimeError(f"The server answers: {bad[0]!r}")


class Writer:
    """A process that publishes with the peer's own code. `request` waits for an answer, `publish` does not."""

    limit = NO_LIMIT

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.pids: tuple[int, ...] = (process.pid,)

    @classmethod
    async def start(
        cls, script: Path, environment: Mapping[str, str], directory: Path, *arguments: str
    ) -> Writer:
        """Start a writer."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=directory,
            env=environment,
            limit=LINE_LIMIT,
        )
        return cls(process)

    async def request(self, verb: str, **arguments: Any) -> Any:
        """Have something done and return the answer."""
        self._stdin.write(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        line = await self._stdout.readline()
        if not line:
            raise RuntimeError(f"The writer ended while it was to do: {verb}.")
        return json.loads(line)

    def publish(self, stream: int, sequence: int) -> None:
        """Have an event sent; nothing is answered."""
        self._stdin.write(b"%d %d\n" % (stream, sequence))

    async def close(self) -> None:
        """Let it end."""
        self._stdin.close()
        try:
            async with asyncio.timeout(20):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
