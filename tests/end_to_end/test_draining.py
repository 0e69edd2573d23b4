"""Graceful shutdown: SIGTERM stops new connections, work in progress is answered, every socket is closed with 1012."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from live_inbox import services
from live_inbox.conf import inbox_settings
from live_inbox.models import Inbox, Notification
from live_inbox_site.serving import grace_seconds
from tests.end_to_end.serve_command import child_of
from tests.sockets.socket_server import raw_client
from tests.stacks.child import Child
from tests.stacks.ports import free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import until

SOCKETS = 60
WAIT_SECONDS = 30.0
GRAPHQL = "/graphql/"
SUBSCRIBE = "subscription { notificationEvents { position } }"
MARK_READ = "mutation ($id: ID!) { markRead(id: $id) { notification { id read } } }"
PROTOCOLS = ["graphql-transport-ws", "graphql-ws", "original"]
REASONS = {
    "graphql-transport-ws": (1012, "Service restart"),
    "graphql-ws": (1012, "Service restart"),
    "original": (1012, "The server is restarting"),
}
"""As in the tables: `live_inbox_graphql/close_codes.py` and `docs/legacy-protocol.md`."""

IN_GOOD_ORDER = (0, -signal.SIGTERM)
"""uvicorn raises the signal again when it has ended, so that its parent sees the reason."""

pytestmark = pytest.mark.django_db(transaction=True)


class Device:
    """A socket of any protocol, which reads until the server closes it."""

    def __init__(self, protocol: str, connection: ClientConnection) -> None:
        self.protocol = protocol
        self.connection = connection
        self.received: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """Return the next message that is not a keep-alive."""
        while True:
            async with asyncio.timeout(WAIT_SECONDS):
                message: dict[str, Any] = json.loads(await self.connection.recv())
            if message["type"] != "ka":
                return message

    async def subscribe(self, token: str) -> None:
        """Subscribe, and wait until the server has confirmed it."""
        if self.protocol == "original":
            await self.send({"type": "get_notifications"})
            assert (await self.receive())["type"] == "notifications_list"
            return
        await self.send(
            {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
        )
        assert await self.receive() == {"type": "connection_ack"}
        await self.ask("events", SUBSCRIBE)
        await self.ask("viewer", "{ viewer { id } }")
        answer, end = await self.receive(), await self.receive()
        assert (answer["id"], end) == ("viewer", {"type": "complete", "id": "viewer"})

    async def ask(self, operation: str, query: str, **variables: Any) -> None:
        """Start a GraphQL operation."""
        kind = "start" if self.protocol == "graphql-ws" else "subscribe"
        payload = {"query": query, "variables": variables}
        await self.send({"id": operation, "type": kind, "payload": payload})

    async def mark_read(self, id: int) -> None:
        """Begin to mark a notification as read."""
        if self.protocol == "original":
            await self.send({"type": "mark_read", "notification_id": id})
        else:
            await self.ask("mark", MARK_READ, id=str(id))

    def is_marked(self, id: int) -> bool:
        """Whether the server has answered that it is read."""
        if self.protocol == "original":
            done = {"type": "notification_marked_read", "notification_id": id, "success": True}
            return self.received.count(done) == 1
        data = {"markRead": {"notification": {"id": str(id), "read": True}}}
        answers = [each.get("payload") for each in self.received if each.get("id") == "mark"][:1]
        return answers == [{"data": data}]

    async def closed(self) -> tuple[int, str]:
        """Receive everything to the end, and return the server's close code and reason."""
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                self.received.append(await self.receive())
        frame = caught.value.rcvd
        assert frame is not None, "the connection broke off"
        return frame.code, frame.reason


class DevicePool:
    """Devices of one user at one port."""

    def __init__(self, port: int, token: str, opened: AsyncExitStack) -> None:
        self._port = port
        self._token = token
        self._opened = opened

    async def open(self, protocol: str) -> Device:
        """Open a device and subscribe it."""
        path = f"/ws/notifications/?token={self._token}" if protocol == "original" else GRAPHQL
        offered = None if protocol == "original" else [Subprotocol(protocol)]
        device = Device(
            protocol,
            await self._opened.enter_async_context(
                connect(
                    f"ws://127.0.0.1:{self._port}{path}",
                    subprotocols=offered,
                    compression=None,
                    open_timeout=WAIT_SECONDS,
                )
            ),
        )
        await device.subscribe(self._token)
        return device


@asynccontextmanager
async def device_pool(port: int, token: str) -> AsyncIterator[DevicePool]:
    """Open devices while in the block."""
    async with AsyncExitStack() as opened:
        yield DevicePool(port, token, opened)


def refuses(port: int) -> bool:
    """Whether a port refuses connections."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def ask_to_end(child: Child) -> float:
    """Send SIGTERM, as a service manager does; return when."""
    os.kill(child.pid, signal.SIGTERM)
    return time.monotonic()


async def ended(child: Child) -> int:
    """Wait until a process has ended by itself, and return its exit code."""
    async with asyncio.timeout(WAIT_SECONDS):
        while child.running:  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0.01)
    return child.stop()


class Lock:
    """Holds an inbox's row from a thread of its own, as a transaction that takes its time."""

    def __init__(self, user_id: int) -> None:
        self._user_id = user_id
        self._is_held = threading.Event()
        self._may_go = threading.Event()
        self._thread = threading.Thread(target=self._hold)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it until `release`, or the end of the block."""
        self._thread.start()
        try:
            assert self._is_held.wait(WAIT_SECONDS)
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Let it go."""
        self._may_go.set()
        self._thread.join()

    def _hold(self) -> None:
        try:
            with transaction.atomic():
                # On SQLite the transaction itself is the lock.
                assert Inbox.objects.select_for_update().filter(pk=self._user_id).exists()
                self._is_held.set()
                self._may_go.wait(WAIT_SECONDS)
        finally:
            connection.close()


@pytest.fixture
def notifications(alice: int) -> list[int]:
    """The ids of unread notifications of alice, one for each protocol."""
    sent = [
        services.send(recipient_id=alice, title=protocol).notification for protocol in PROTOCOLS
    ]
    return [each.pk for each in sent if each is not None]


class TestServe:
    """`manage.py serve`, as it runs in production."""

    async def test_sockets_are_closed_with_code_and_reason_and_new_ones_are_refused(
        self, start_server: Callable[..., ServerProcess], token: str
    ) -> None:
        server = await asyncio.to_thread(start_server)
        async with device_pool(server.port, token) as pool:
            devices = [await pool.open(PROTOCOLS[n % len(PROTOCOLS)]) for n in range(SOCKETS)]
            # These keep their sockets open until the port is looked at: a close is answered when it is read.
            async with raw_client(server.port) as late:
                await late.handshake(f"/ws/notifications/?token={token}")
                ask_to_end(server.child)
                await until(lambda: refuses(server.port))
                assert server.child.running, "refused only because it has ended"
                closings = await asyncio.gather(*(device.closed() for device in devices))
        assert closings == [REASONS[device.protocol] for device in devices]
        assert await ended(server.child) in IN_GOOD_ORDER

    async def test_work_in_progress_is_answered_before_the_close(
        self,
        start_server: Callable[..., ServerProcess],
        token: str,
        alice: int,
        notifications: list[int],
    ) -> None:
        # Time enough: two seconds are not, on a machine that has other things to do.
        server = await asyncio.to_thread(start_server, DRAIN_SECONDS="120")
        async with self.marking(server.port, token, alice, notifications) as (devices, lock):
            ask_to_end(server.child)
            await until(lambda: refuses(server.port))
            await asyncio.to_thread(lock.release)
            closings = await asyncio.gather(*(device.closed() for device in devices))
        assert closings == [REASONS[device.protocol] for device in devices]
        marked = [device.is_marked(id) for device, id in zip(devices, notifications, strict=True)]
        assert marked == [True] * len(PROTOCOLS), [device.received for device in devices]
        assert await ended(server.child) in IN_GOOD_ORDER
        assert not await Notification.objects.filter(read_at=None).aexists()

    async def test_work_that_takes_too_long_is_cancelled(
        self,
        start_server: Callable[..., ServerProcess],
        token: str,
        alice: int,
        notifications: list[int],
    ) -> None:
        server = await asyncio.to_thread(start_server, DRAIN_SECONDS="0")
        async with self.marking(server.port, token, alice, notifications) as (devices, _):
            ask_to_end(server.child)
            closings = await asyncio.gather(*(device.closed() for device in devices))
        assert [code for code, _ in closings] == [1012] * len(PROTOCOLS)
        assert [device.received for device in devices] == [[]] * len(PROTOCOLS)
        assert await ended(server.child) in IN_GOOD_ORDER

    @asynccontextmanager
    async def marking(
        self, port: int, token: str, alice: int, notifications: list[int]
    ) -> AsyncIterator[tuple[list[Device], Lock]]:
        """Have a device of each protocol mark a notification, which takes as long as the inbox is locked."""
        lock = Lock(alice)
        async with device_pool(port, token) as pool:
            devices = [await pool.open(protocol) for protocol in PROTOCOLS]
            with lock.held():
                await self.begin_to_mark(devices, notifications)
                yield devices, lock

    @staticmethod
    async def begin_to_mark(devices: list[Device], notifications: list[int]) -> None:
        for device, id in zip(devices, notifications, strict=True):
            await device.mark_read(id)
        # An answer shows that what was asked before has been begun.
        for device in devices:
            pinged = await device.connection.ping()
            await pinged
            if device.protocol != "graphql-ws":
                await device.send({"type": "ping"})
                assert await device.receive() == {"type": "pong"}
            else:
                await device.ask("syntax", "{")
                assert (await device.receive())["type"] == "error"

    async def test_clients_that_never_read_do_not_delay_shutdown_beyond_the_grace_time(
        self, start_server: Callable[..., ServerProcess], token: str, alice: int
    ) -> None:
        server = await asyncio.to_thread(start_server)
        await asyncio.to_thread(write_much, alice)
        async with (
            raw_client(server.port) as nothing_to_read,
            raw_client(server.port) as much_to_read,
            raw_client(server.port) as not_initialized,
        ):
            await nothing_to_read.handshake(f"/ws/notifications/?token={token}")
            await not_initialized.handshake(GRAPHQL, subprotocol="graphql-transport-ws")
            await much_to_read.handshake(f"/ws/notifications/?token={token}")
            for _ in range(50):
                await much_to_read.send_text('{"type":"get_notifications"}')
            # Something comes: so it is being served, and there is more than it takes.
            assert await much_to_read.receive(1)
            began = ask_to_end(server.child)
            assert await ended(server.child) in IN_GOOD_ORDER
        assert time.monotonic() - began < grace_seconds(inbox_settings())
        assert "graceful shutdown exceeded" not in server.log()

    async def test_all_workers_drain(
        self, process_registry: ProcessRegistry, stack: Stack, token: str, tmp_path: Any
    ) -> None:
        port = free_port()
        arguments = ["manage.py", "serve", "--port", str(port), "--workers", "2"]
        with child_of(process_registry, stack, tmp_path, arguments) as child:
            await asyncio.to_thread(child.wait_until, lambda: not refuses(port))
            async with device_pool(port, token) as pool:
                devices = [await pool.open(PROTOCOLS[n % len(PROTOCOLS)]) for n in range(12)]
                ask_to_end(child)
                closings = await asyncio.gather(*(device.closed() for device in devices))
            assert closings == [REASONS[device.protocol] for device in devices]
            assert await ended(child) == 0


class TestPlainUvicorn:
    """uvicorn with its own protocol class: it closes all sockets at once."""

    async def test_all_sockets_are_closed_with_1012(
        self, process_registry: ProcessRegistry, stack: Stack, token: str, tmp_path: Any
    ) -> None:
        port = free_port()
        arguments = ["-m", "uvicorn", "live_inbox_site.asgi:application", "--port", str(port)]
        arguments += ["--ws", "websockets-sansio", "--timeout-graceful-shutdown", "10"]
        with child_of(process_registry, stack, tmp_path, arguments) as child:
            await asyncio.to_thread(child.wait_until, lambda: not refuses(port))
            async with device_pool(port, token) as pool:
                devices = [await pool.open(PROTOCOLS[n % len(PROTOCOLS)]) for n in range(12)]
                ask_to_end(child)
                closings = await asyncio.gather(*(device.closed() for device in devices))
            assert closings == [(1012, "")] * len(devices)
            assert await ended(child) in IN_GOOD_ORDER
        assert "Traceback" not in child.text()


def write_much(user_id: int) -> None:
    """Fill an inbox with more than a client that does not read has room for."""
    data = {"filling": "x" * 8000}
    for number in range(60):
        services.send(recipient_id=user_id, title=str(number), message="x" * 2000, data=data)
    connection.close()
