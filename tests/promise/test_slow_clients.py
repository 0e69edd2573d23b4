"""Clients that do not read: they cost little, keep nobody from anything, and miss nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psutil
import pytest
from django.contrib.auth import get_user_model
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from live_inbox.delivery.hub import HubRules
from live_inbox.identity.issuing import issue_token
from live_inbox.models import Inbox
from live_inbox.sockets.writer import AsgiWriter
from tests.promise.house import House, opened_house, write_events
from tests.sockets.stage import OUR_CLASS, PLAIN_CLASS, RawClient, raw_client, until
from tests.stacks.uvicorn_server import ServerProcess

WAIT_SECONDS = 60.0
EVENTS = 3000
MESSAGE = "x" * 1900
"""Six megabytes in all: more than the system's own buffers take for a client that does not read."""
LONGEST_FRAME = 2500
HIGH_WATER = 64 * 1024
"""From there on, asyncio's transports say that there is no more room."""
BOUND = HIGH_WATER + HubRules().batch_length * LONGEST_FRAME
"""What the server holds for a client that does not read: it stops after the portion with which the room ran out."""
SLOW_CLIENTS = 200
BYTES_FOR_EACH = 1024 * 1024
"""By how much a process may grow for each of those: `BOUND`, and the rest of the page of the log (`page_length`
events) that it was being told. The whole inbox would be six times as much."""

SUBSCRIBE = """subscription ($after: String) { notificationEvents(after: $after) {
    position ... on NotificationAdded { notification { title message } }
} }"""
DOORS = ["graphql-transport-ws", "graphql-ws", "original"]

pytestmark = pytest.mark.django_db(transaction=True)


def subscription(door: str, after: str | None) -> str:
    """Return the message that begins to follow the inbox."""
    kind = "start" if door == "graphql-ws" else "subscribe"
    payload = {"query": SUBSCRIBE, "variables": {"after": after}}
    return json.dumps({"id": "events", "type": kind, "payload": payload})


def welcome(token: str) -> str:
    """Return the message with which a GraphQL client introduces itself."""
    return json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})


class Device:
    """A socket of one door: the library stops reading while nobody asks for messages."""

    def __init__(self, door: str, connection: ClientConnection) -> None:
        self.door = door
        self.connection = connection

    async def hear(self) -> dict[str, Any]:
        """Return the next message that is not a sign of life."""
        while True:
            async with asyncio.timeout(WAIT_SECONDS):
                message: dict[str, Any] = json.loads(await self.connection.recv())
            if message["type"] != "ka":
                return message

    async def titles(self, count: int) -> list[int]:
        """Return the titles of the next so many notifications."""
        return [_title(self.door, await self.hear()) for _ in range(count)]


def _title(door: str, message: dict[str, Any]) -> int:
    if door == "original":
        return int(message["notification"]["title"])
    return int(message["payload"]["data"]["notificationEvents"]["notification"]["title"])


class Devices:
    """Opens devices of one user."""

    def __init__(self, house: House, token: str, opened: AsyncExitStack) -> None:
        self._house = house
        self._token = token
        self._opened = opened

    async def open(self, door: str, *, after: str | None = None) -> Device:
        """Open a device that follows the inbox; it has little room for what it does not read."""
        path = f"/ws/notifications/?token={self._token}" if door == "original" else "/graphql/"
        expected = self._house.subscribers + 1
        own = self._opened.enter_context(socket.socket())
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        own.connect(("127.0.0.1", self._house.port))
        own.setblocking(False)
        connection = await self._opened.enter_async_context(
            connect(
                f"ws://localhost{path}",
                sock=own,
                subprotocols=None if door == "original" else [Subprotocol(door)],
                compression=None,
                max_queue=1,
                ping_interval=None,
            )
        )
        device = Device(door, connection)
        if door != "original":
            await connection.send(welcome(self._token))
            assert await device.hear() == {"type": "connection_ack"}
            await connection.send(subscription(door, after))
        await until(lambda: self._house.subscribers == expected)
        return device


@asynccontextmanager
async def opened_devices(house: House, token: str) -> AsyncIterator[Devices]:
    """Open devices while in the block."""
    async with AsyncExitStack() as opened:
        yield Devices(house, token, opened)


def held(house: House) -> int:
    """Return the most that the server's buffers hold for one client, in bytes."""
    outlets = [each for each in gc.get_objects() if type(each) is AsgiWriter]
    waiting = [sum(map(len, writer._pending)) for writer in outlets]
    written = [
        connection.transport.get_write_buffer_size()
        for connection in house.server.server_state.connections
    ]
    return max(waiting, default=0) + max(written, default=0)


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
async def test_who_does_not_read_costs_little_and_misses_nothing(
    socket_class: str, alice: int, token: str
) -> None:
    await asyncio.to_thread(write_events, alice, 1, message=MESSAGE)
    old = str((await Inbox.objects.aget(pk=alice)).epoch) + ".1"
    most = 0
    async with opened_house(socket_class) as house, opened_devices(house, token) as devices:
        slow = [await devices.open(door) for door in DOORS]
        well = [await devices.open(door) for door in DOORS]
        reading = [asyncio.create_task(device.titles(EVENTS)) for device in well]
        for _ in range(5):
            await asyncio.to_thread(write_events, alice, EVENTS // 5, message=MESSAGE)
            most = max(most, held(house))
        expected = list(range(2, EVENTS + 2))
        assert await asyncio.gather(*reading) == [expected] * len(well)
        # Those who come back after all this are as slow.
        slow += [await devices.open(door, after=old) for door in DOORS[:2]]
        returned = await devices.open(DOORS[0], after=old)
        assert await returned.titles(EVENTS) == expected
        most = max(most, held(house))
        assert 0 < most <= BOUND
        for device in slow:
            assert await device.titles(EVENTS) == expected
        # Nothing was told twice: what comes next is what happens next.
        await asyncio.to_thread(write_events, alice, 1, message=MESSAGE)
        for device in [*slow, *well, returned]:
            assert await device.titles(1) == [EVENTS + 2]


async def test_two_hundred_who_do_not_read_do_not_fill_the_memory(
    start_server: Callable[..., ServerProcess], alice: int, token: str
) -> None:
    server = await asyncio.to_thread(start_server)
    await asyncio.to_thread(write_events, alice, EVENTS + 1, message=MESSAGE)
    old = str((await Inbox.objects.aget(pk=alice)).epoch) + ".1"
    process = psutil.Process(server.child.pid)
    async with AsyncExitStack() as opened:
        # What the process takes once, however many come.
        await read_all(await resumed(opened, server.port, token, old))
        before = process.memory_info().rss
        for _ in range(SLOW_CLIENTS):
            await resumed(opened, server.port, token, old)
        # When one that came last has got everything, nobody else is waiting for anything but room.
        await read_all(await resumed(opened, server.port, token, old))
        growth = process.memory_info().rss - before
    assert growth / SLOW_CLIENTS < BYTES_FOR_EACH


async def resumed(opened: AsyncExitStack, port: int, token: str, after: str) -> RawClient:
    """Open a socket that resumes an inbox, and read nothing of it."""
    client = await opened.enter_async_context(raw_client(port))
    await client.shake_hands("/graphql/", subprotocol=DOORS[0])
    await client.say(welcome(token))
    await client.say(subscription(DOORS[0], after))
    return client


async def read_all(client: RawClient) -> None:
    """Read up to the last event."""
    end = f'"title":"{EVENTS + 1}"'.encode()
    tail = b""
    while end not in tail:
        got = await client.receive()
        assert got, "the connection ended"
        tail = tail[-100:] + got


@pytest.fixture
def token(alice: int) -> str:
    """A token of alice."""
    return issue_token(get_user_model().objects.get(pk=alice), ttl_seconds=3600)
