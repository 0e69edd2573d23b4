"""Attacks without an account: connections, headers, bodies, handshakes and frames."""

from __future__ import annotations

import asyncio
from itertools import cycle, repeat

from benchmarks.frames import PING, TEXT, frame
from tests.siege.attack import MANY_ADDRESSES, attack
from tests.siege.traffic import Attacker, Stream, get, post

DRIP_SECONDS = 1.0
FOREVER = b"x"
CONTINUATION, FIRST_FRAGMENT = 0x00, 0x01


async def _drip(stream: Stream) -> None:
    while True:
        await stream.send(FOREVER)
        await asyncio.sleep(DRIP_SECONDS)


async def _dripping(attacker: Attacker, number: int, beginning: bytes) -> None:
    """Begin a request, and go on with a byte a second until it is refused."""
    async with attacker.connection(number) as stream:
        stream.write(beginning)
        dripping = asyncio.create_task(_drip(stream))
        try:
            attacker.outcomes[await stream.response()] += 1
        finally:
            dripping.cancel()


@attack("silent", "408", "429", "503", addresses=(1, MANY_ADDRESSES))
async def _silent(attacker: Attacker) -> None:
    """2,000 connections that say nothing."""

    async def client(number: int) -> None:
        async with attacker.connection(number) as stream:
            attacker.outcomes[await stream.response()] += 1

    await attacker.crowd(2000, client, pause=1.0)


@attack("slow-headers", "408", "429", addresses=(1, MANY_ADDRESSES))
async def _slow_headers(attacker: Attacker) -> None:
    """1,000 clients that send a header, one byte a second."""
    beginning = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
    await attacker.crowd(1000, lambda number: _dripping(attacker, number, beginning), pause=1.0)


@attack("slow-handshakes", "408", "429")
async def _slow_handshakes(attacker: Attacker) -> None:
    """1,000 clients that send a handshake, one byte a second."""
    beginning = attacker.handshake()[:-2] + b"X-Slow: "
    await attacker.crowd(1000, lambda number: _dripping(attacker, number, beginning), pause=1.0)


@attack("slow-bodies", "408", "429")
async def _slow_bodies(attacker: Attacker) -> None:
    """1,000 clients that send the body of a request, one byte a second."""
    beginning = post("/graphql/", b"", {"Content-Length": "100000"})
    await attacker.crowd(1000, lambda number: _dripping(attacker, number, beginning), pause=1.0)


@attack("connections", "408", "429", "503", addresses=(1, MANY_ADDRESSES))
async def _connections(attacker: Attacker) -> None:
    """Connections that are closed and opened again as fast as possible."""

    async def client(number: int) -> None:
        async with attacker.connection(number) as stream:
            await stream.send(get("/healthz"))
            attacker.outcomes[await stream.response()] += 1

    await attacker.crowd(50, client, pause=0)


@attack("silent-sockets", "429", "close 4408", addresses=(1, MANY_ADDRESSES))
async def _silent_sockets(attacker: Attacker) -> None:
    """2,000 sockets that are opened, and say nothing."""

    async def client(number: int) -> None:
        async with attacker.socket(number) as stream:
            attacker.outcomes[await stream.close_code()] += 1

    await attacker.crowd(2000, client, pause=1.0)


@attack("handshakes", "429")
async def _handshakes(attacker: Attacker) -> None:
    """Sockets that are opened and dropped as fast as possible."""

    async def client(number: int) -> None:
        async with attacker.socket(number):
            attacker.outcomes["101"] += 1

    await attacker.crowd(50, client, pause=0)


@attack("pings", "429", "close 1013")
async def _pings(attacker: Attacker) -> None:
    """Pings as fast as the server takes them."""
    data = frame(b"x" * 100, PING) * 500
    await attacker.crowd(20, lambda number: attacker.flood(number, data))


@attack("fragments", "429", "close 1009", "close 1013")
async def _fragments(attacker: Attacker) -> None:
    """Messages in fragments of one byte, without an end."""
    first, more = frame(b"x", FIRST_FRAGMENT), frame(b"x", CONTINUATION)
    data = first + more * 2000
    await attacker.crowd(20, lambda number: attacker.flood(number, data))


@attack("large-messages", "429", "close 1009", "close 1013", "close 4400")
async def _large_messages(attacker: Attacker) -> None:
    """Messages of megabytes on sockets."""
    data = frame(b"x" * 4_000_000, TEXT)
    await attacker.crowd(20, lambda number: attacker.flood(number, data))


@attack("large-bodies", "400", "401", "413", "429")
async def _large_bodies(attacker: Attacker) -> None:
    """Bodies of 2 MB, which is less than the limit of the server, and more than that of GraphQL."""
    request = post("/graphql/", b"x" * 2_000_000)
    await attacker.crowd(20, lambda number: attacker.requests(number, repeat(request)))


@attack("larger-bodies", "413", "429")
async def _larger_bodies(attacker: Attacker) -> None:
    """Bodies in chunks, without an end."""
    request = post("/graphql/", b"", {"Transfer-Encoding": "chunked"})
    request = (
        request.replace(b"Content-Length: 0\r\n", b"") + b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

    async def client(number: int) -> None:
        async with attacker.connection(number) as stream:
            await stream.send(request)
            sending = asyncio.create_task(_send_chunks(stream, chunk))
            try:
                attacker.outcomes[await stream.response()] += 1
            finally:
                sending.cancel()

    await attacker.crowd(20, client)


async def _send_chunks(stream: Stream, chunk: bytes) -> None:
    for _ in range(100):
        await stream.send(chunk)


@attack("unknown-paths", "404", "429", addresses=(1, MANY_ADDRESSES))
async def _unknown_paths(attacker: Attacker) -> None:
    """Requests of paths that do not exist, on 50 connections."""
    paths = [get(f"/wp-admin/{number}.php") for number in range(100)]
    await attacker.crowd(50, lambda number: attacker.requests(number, cycle(paths)))


@attack("static-files", "404", "429")
async def _static_files(attacker: Attacker) -> None:
    """Requests of static files, on 50 connections."""
    files = [get("/static/admin/css/base.css"), get("/static/admin/js/core.js")]
    await attacker.crowd(50, lambda number: attacker.requests(number, cycle(files)))


@attack("health", "403", "404", "429", "503")
async def _health(attacker: Attacker) -> None:
    """Requests of /readyz and /metrics, on 50 connections."""
    paths = [get("/readyz"), get("/metrics")]
    await attacker.crowd(50, lambda number: attacker.requests(number, cycle(paths)))
