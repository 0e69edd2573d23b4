"""The relay passes bytes on, and forgets what it is told to forget: nobody learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.relay_route import Route
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(100):
            writer.write(chunk)
    writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Route, int]]:
    """A route to a server that returns what it gets, and the route's port."""
    behind, port = free_port(), free_port()
    route = Route(behind)
    server = await asyncio.start_server(_echo, LOOPBACK, behind)
    relay = await asyncio.start_server(route.accept, LOOPBACK, port)
    async with server, relay:
        yield route, port
        route.forget()
        route.close_forgotten()
        await until(lambda: route.open == 0)


async def test_a_forgotten_connection_stays_open_and_carries_nothing(
    echo: tuple[Route, int],
) -> None:
    route, port = echo
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"before")
        assert await reader.readexactly(6) == b"before"
        assert route.forget() == 1
        writer.write(b"after")
        await until(lambda: route.dropped == 5)
        assert not reader.at_eof()
        other_reader, other_writer = await asyncio.open_connection(LOOPBACK, port)
        other_writer.write(b"new")
        assert await other_reader.readexactly(3) == b"new"
        assert route.close_forgotten() == 1
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
        other_writer.close()
    assert (route.passed, route.dropped, route.opened) == (2 * 6 + 2 * 3, 5, 2)


async def test_an_end_is_passed_on(echo: tuple[Route, int]) -> None:
    _, port = echo
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(b"last")
        assert await reader.readexactly(4) == b"last"
        writer.write_eof()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()
