"""Backpressure: clients that do not read cost little memory, delay no other client, and miss nothing."""

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

from live_inbox.delivery.hub import HubConfig
from live_inbox.identity.issuing import issue_token
from live_inbox.models import Inbox
from live_inbox.sockets.writer import AsgiWriter
from live_inbox_graphql.event_senders import EventSender
from tests.end_to_end.in_process_server import InProcessServer, in_process_server, write_events
from tests.sockets.socket_server import OUR_CLASS, PLAIN_CLASS, RawClient, raw_client
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import until

WAIT_SECONDS = 60.0
EVENTS = 3000
MESSAGE = "x" * 1900
"""Six megabytes in all: more than the system's own buffers take for a client that does not read."""
LONGEST_FRAME = 2500
HIGH_WATER = 64 * 1024
"""From there on, asyncio's transports say that there is no more room."""
BOUND = HIGH_WATER + HubConfig().batch_length * LONGEST_FRAME
"""What the server holds for a client that does not read: it stops after the batch with which the room ran out."""
SLOW_CLIENTS = 200
BYTES_FOR_EACH = 1024 * 1024
"""By how much a process may grow for each of those: `BOUND`, and the rest of the page of the log (`page_length`
events) that was being sent. The whole inbox would be six times as much."""

SUBSCRIBE = """subscription ($after: String) { notificationEvents(after: $after) {
    position ... on NotificationAdded { notification { title message } }
} }"""
PROTOCOLS = ["graphql-transport-ws", "graphql-ws", "original"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]


def subscription(protocol: str, after: str | None) -> str:
    """Return the message that begins to follow the inbox."""
    kind = "start" if protocol == "graphql-ws" else "subscribe"
    payload = {"query": SUBSCRIBE, "variables": {"after": after}}
    return json.dumps({"id": "events", "type": kind, "payload": payload})


def connection_init(token: str) -> str:
    """Return the first message of a GraphQL client."""
    return json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})


class Device:
    """A socket of one protocol: the library stops reading while no test asks for messages."""

    def __init__(self, protocol: str, connection: ClientConnection) -> None:
        self.protocol = protocol
        self.connection = connection

    async def receive(self) -> dict[str, Any]:
        """Return the next message that is not a keep-alive."""
        while True:
            async with asyncio.timeout(WAIT_SECONDS):
                message: dict[str, Any] = json.loads(await self.connection.recv())
            if message["type"] != "ka":
                return message

    async def titles(self, count: int) -> list[int]:
        """Return the titles of the next so many notifications."""
        return [_title(self.protocol, await self.receive()) for _ in range(count)]


def _title(protocol: str, message: dict[str, Any]) -> int:
    if protocol == "original":
        return int(message["notification"]["title"])
    return int(message["payload"]["data"]["notificationEvents"]["notification"]["title"])


class Devices:
    """Opens devices of one user."""

    def __init__(self, server: InProcessServer, token: str, opened: AsyncExitStack) -> None:
        self._server = server
        self._token = token
        self._opened = opened

    async def open(self, protocol: str, *, after: str | None = None) -> Device:
        """Open a device that follows the inbox; it has little room for what it does not read."""
        path = f"/ws/notifications/?token={self._token}" if protocol == "original" else "/graphql/"
        expected = self._server.subscribers + 1
        own = self._opened.enter_context(socket.socket())
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        own.connect(("127.0.0.1", self._server.port))
        own.setblocking(False)
        connection = await self._opened.enter_async_context(
            connect(
                f"ws://localhost{path}",
                sock=own,
                subprotocols=None if protocol == "original" else [Subprotocol(protocol)],
                compression=None,
                max_queue=1,
                ping_interval=None,
            )
        )
        device = Device(protocol, connection)
        if protocol != "original":
            await connection.send(connection_init(self._token))
            assert await device.receive() == {"type": "connection_ack"}
            await connection.send(subscription(protocol, after))
        await until(lambda: self._server.subscribers == expected)
        return device


@asynccontextmanager
async def opened_devices(server: InProcessServer, token: str) -> AsyncIterator[Devices]:
    """Open devices while in the block."""
    async with AsyncExitStack() as opened:
        yield Devices(server, token, opened)


def held(server: InProcessServer) -> int:
    """Return the most that the server's buffers hold for one client, in bytes."""
    writers = [each for each in gc.get_objects() if type(each) is AsgiWriter]
    waiting = [sum(map(len, writer._pending)) for writer in writers]
    written = [
        connection.transport.get_write_buffer_size()
        for connection in server.server.server_state.connections
    ]
    return max(waiting, default=0) + max(written, default=0)


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
async def test_a_client_that_does_not_read_costs_little_and_misses_nothing(
    socket_class: str, alice: int, token: str
) -> None:
    await asyncio.to_thread(write_events, alice, 1, message=MESSAGE)
    old = str((await Inbox.objects.aget(pk=alice)).epoch) + ".1"
    most = 0
    async with in_process_server(socket_class) as server, opened_devices(server, token) as devices:
        slow = [await devices.open(protocol) for protocol in PROTOCOLS]
        well = [await devices.open(protocol) for protocol in PROTOCOLS]
        reading = [asyncio.create_task(device.titles(EVENTS)) for device in well]
        for _ in range(5):
            await asyncio.to_thread(write_events, alice, EVENTS // 5, message=MESSAGE)
            most = max(most, held(server))
        expected = list(range(2, EVENTS + 2))
        assert await asyncio.gather(*reading) == [expected] * len(well)
        # Those who come back after all this are as slow.
        slow += [await devices.open(protocol, after=old) for protocol in PROTOCOLS[:2]]
        returned = await devices.open(PROTOCOLS[0], after=old)
        assert await returned.titles(EVENTS) == expected
        most = max(most, held(server))
        assert 0 < most <= BOUND
        for device in slow:
            assert await device.titles(EVENTS) == expected
        # Nothing was delivered twice: the next message is the next event.
        await asyncio.to_thread(write_events, alice, 1, message=MESSAGE)
        for device in [*slow, *well, returned]:
            assert await device.titles(1) == [EVENTS + 2]


async def test_two_hundred_clients_that_do_not_read_do_not_fill_the_memory(
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
        # When the client that came last has received everything, the others wait only for room in their sockets.
        await read_all(await resumed(opened, server.port, token, old))
        growth = process.memory_info().rss - before
    assert growth / SLOW_CLIENTS < BYTES_FOR_EACH


async def resumed(opened: AsyncExitStack, port: int, token: str, after: str) -> RawClient:
    """Open a socket that resumes an inbox, and read nothing of it."""
    client = await opened.enter_async_context(raw_client(port))
    await client.handshake("/graphql/", subprotocol=PROTOCOLS[0])
    await client.send_text(connection_init(token))
    await client.send_text(subscription(PROTOCOLS[0], after))
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


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
async def test_subscribing_again_and_again_without_reading_costs_no_more(
    socket_class: str, alice: int, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription sends a batch before it learns that there is no room; `complete` makes place for another one."""
    deliveries = 0
    deliver = EventSender.deliver

    def counting(sender: EventSender, batch: Any) -> Any:
        nonlocal deliveries
        deliveries += 1
        return deliver(sender, batch)

    monkeypatch.setattr(EventSender, "deliver", counting)
    await asyncio.to_thread(write_events, alice, 300, message=MESSAGE)
    async with in_process_server(socket_class) as server, raw_client(server.port) as client:
        await client.handshake("/graphql/", subprotocol="graphql-transport-ws")
        await client.send_text(connection_init(token))
        await client.receive()
        (connection,) = server.server.server_state.connections
        transport = connection.transport
        start = subscription("graphql-transport-ws", "0")
        largest = 0
        for number in range(90):
            expected = deliveries + 1
            await client.send_text(start.replace('"events"', f'"{number}"'))
            await until(lambda: deliveries >= expected or not transport.is_reading())  # noqa: B023  # awaited here
            await client.send_text(json.dumps({"id": str(number), "type": "complete"}))
            largest = max(largest, transport.get_write_buffer_size())
        assert not transport.is_reading()
        assert HIGH_WATER < largest < 2 * BOUND
