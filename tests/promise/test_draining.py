"""SIGTERM: nobody new, whatever is in progress is answered, everybody is told to come back, and the process ends."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
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
from tests.sockets.stage import raw_client, until
from tests.stacks.child import Child
from tests.stacks.keeper import Keeper
from tests.stacks.ports import free_port
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY, ServerProcess

SOCKETS = 60
WAIT_SECONDS = 30.0
GRAPHQL = "/graphql/"
SUBSCRIBE = "subscription { notificationEvents { position } }"
MARK_READ = "mutation ($id: ID!) { markRead(id: $id) { notification { id read } } }"
DOORS = ["graphql-transport-ws", "graphql-ws", "original"]
REASONS = {
    "graphql-transport-ws": (1012, "Service restart"),
    "graphql-ws": (1012, "Service restart"),
    "original": (1012, "The server is restarting"),
}
"""The tables' words: `live_inbox_graphql/close_codes.py` and `docs/legacy-protocol.md`."""

IN_GOOD_ORDER = (0, -signal.SIGTERM)
"""uvicorn raises the signal again when it has ended, for whoever wants to know why."""

pytestmark = pytest.mark.django_db(transaction=True)


class Device:
    """A socket of either door, which reads until the server closes it."""

    def __init__(self, door: str, connection: ClientConnection) -> None:
        self.door = door
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    async def say(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.connection.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """Return the next message that is not a sign of life."""
        while True:
            async with asyncio.timeout(WAIT_SECONDS):
                message: dict[str, Any] = json.loads(await self.connection.recv())
            if message["type"] != "ka":
                return message

    async def begin(self, token: str) -> None:
        """Come so far that the server tells us what happens."""
        if self.door == "original":
            await self.say({"type": "get_notifications"})
            assert (await self.hear())["type"] == "notifications_list"
            return
        await self.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
        assert await self.hear() == {"type": "connection_ack"}
        await self.ask("events", SUBSCRIBE)
        await self.ask("viewer", "{ viewer { id } }")
        answer, end = await self.hear(), await self.hear()
        assert (answer["id"], end) == ("viewer", {"type": "complete", "id": "viewer"})

    async def ask(self, operation: str, query: str, **variables: Any) -> None:
        """Start a GraphQL operation."""
        kind = "start" if self.door == "graphql-ws" else "subscribe"
        payload = {"query": query, "variables": variables}
        await self.say({"id": operation, "type": kind, "payload": payload})

    async def mark_read(self, id: int) -> None:
        """Begin to mark a notification as read."""
        if self.door == "original":
            await self.say({"type": "mark_read", "notification_id": id})
        else:
            await self.ask("mark", MARK_READ, id=str(id))

    def is_marked(self, id: int) -> bool:
        """Whether the server has answered that it is read."""
        if self.door == "original":
            done = {"type": "notification_marked_read", "notification_id": id, "success": True}
            return self.heard.count(done) == 1
        data = {"markRead": {"notification": {"id": str(id), "read": True}}}
        answers = [each.get("payload") for each in self.heard if each.get("id") == "mark"][:1]
        return answers == [{"data": data}]

    async def closed(self) -> tuple[int, str]:
        """Hear everything to the end, and return how the server closed."""
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                self.heard.append(await self.hear())
        frame = caught.value.rcvd
        assert frame is not None, "the connection broke off"
        return frame.code, frame.reason


class Crowd:
    """Devices of one user at one port."""

    def __init__(self, port: int, token: str, opened: AsyncExitStack) -> None:
        self._port = port
        self._token = token
        self._opened = opened

    async def open(self, door: str) -> Device:
        """Open a device that is told what happens."""
        path = f"/ws/notifications/?token={self._token}" if door == "original" else GRAPHQL
        offered = None if door == "original" else [Subprotocol(door)]
        device = Device(
            door,
            await self._opened.enter_async_context(
                connect(
                    f"ws://127.0.0.1:{self._port}{path}",
                    subprotocols=offered,
                    compression=None,
                    open_timeout=WAIT_SECONDS,
                )
            ),
        )
        await device.begin(self._token)
        return device


@asynccontextmanager
async def crowd(port: int, token: str) -> AsyncIterator[Crowd]:
    """Open devices while in the block."""
    async with AsyncExitStack() as opened:
        yield Crowd(port, token, opened)


def refuses(port: int) -> bool:
    """Whether nobody listens at a port."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def ask_to_end(child: Child) -> float:
    """Send what a service manager sends; return when."""
    os.kill(child.pid, signal.SIGTERM)
    return time.monotonic()


async def ended(child: Child) -> int:
    """Wait until a process has ended by itself, and return its exit code."""
    async with asyncio.timeout(WAIT_SECONDS):
        while child.running:  # noqa: ASYNC110  # nobody announces it
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
    """The ids of unread notifications of alice, one for each door."""
    sent = [services.send(recipient_id=alice, title=door).notification for door in DOORS]
    return [each.pk for each in sent if each is not None]


class TestServe:
    """`manage.py serve`, as it runs in production."""

    async def test_everybody_is_closed_with_a_code_and_a_reason_and_nobody_new_let_in(
        self, start_server: Callable[..., ServerProcess], token: str
    ) -> None:
        server = await asyncio.to_thread(start_server)
        async with crowd(server.port, token) as everybody:
            devices = [await everybody.open(DOORS[n % len(DOORS)]) for n in range(SOCKETS)]
            # These keep their sockets open until the port is looked at: a close is answered when it is read.
            async with raw_client(server.port) as late:
                await late.shake_hands(f"/ws/notifications/?token={token}")
                ask_to_end(server.child)
                await until(lambda: refuses(server.port))
                assert server.child.running, "refused only because it has ended"
                closings = await asyncio.gather(*(device.closed() for device in devices))
        assert closings == [REASONS[device.door] for device in devices]
        assert await ended(server.child) in IN_GOOD_ORDER

    async def test_what_is_in_progress_is_answered_before_the_close(
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
        assert closings == [REASONS[device.door] for device in devices]
        marked = [device.is_marked(id) for device, id in zip(devices, notifications, strict=True)]
        assert marked == [True] * len(DOORS), [device.heard for device in devices]
        assert await ended(server.child) in IN_GOOD_ORDER
        assert not await Notification.objects.filter(read_at=None).aexists()

    async def test_what_takes_too_long_is_not_waited_for(
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
        assert [code for code, _ in closings] == [1012] * len(DOORS)
        assert [device.heard for device in devices] == [[]] * len(DOORS)
        assert await ended(server.child) in IN_GOOD_ORDER

    @asynccontextmanager
    async def marking(
        self, port: int, token: str, alice: int, notifications: list[int]
    ) -> AsyncIterator[tuple[list[Device], Lock]]:
        """Have a device at each door mark a notification, which takes as long as the inbox is locked."""
        lock = Lock(alice)
        async with crowd(port, token) as everybody:
            devices = [await everybody.open(door) for door in DOORS]
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
            if device.door != "graphql-ws":
                await device.say({"type": "ping"})
                assert await device.hear() == {"type": "pong"}
            else:
                await device.ask("syntax", "{")
                assert (await device.hear())["type"] == "error"

    async def test_clients_that_never_read_do_not_keep_it_longer_than_the_grace_time(
        self, start_server: Callable[..., ServerProcess], token: str, alice: int
    ) -> None:
        server = await asyncio.to_thread(start_server)
        await asyncio.to_thread(write_much, alice)
        async with (
            raw_client(server.port) as nothing_to_read,
            raw_client(server.port) as much_to_read,
            raw_client(server.port) as nobody_yet,
        ):
            await nothing_to_read.shake_hands(f"/ws/notifications/?token={token}")
            await nobody_yet.shake_hands(GRAPHQL, subprotocol="graphql-transport-ws")
            await much_to_read.shake_hands(f"/ws/notifications/?token={token}")
            for _ in range(50):
                await much_to_read.say('{"type":"get_notifications"}')
            # Something comes: so it is being served, and there is more than it takes.
            assert await much_to_read.receive(1)
            began = ask_to_end(server.child)
            assert await ended(server.child) in IN_GOOD_ORDER
        assert time.monotonic() - began < grace_seconds(inbox_settings())
        assert "graceful shutdown exceeded" not in server.log()

    async def test_all_workers_drain(
        self, keeper: Keeper, stack: Stack, token: str, tmp_path: Any
    ) -> None:
        port = free_port()
        arguments = ["manage.py", "serve", "--port", str(port), "--workers", "2"]
        with child_of(keeper, stack, tmp_path, arguments) as child:
            await asyncio.to_thread(child.wait_until, lambda: not refuses(port))
            async with crowd(port, token) as everybody:
                devices = [await everybody.open(DOORS[n % len(DOORS)]) for n in range(12)]
                ask_to_end(child)
                closings = await asyncio.gather(*(device.closed() for device in devices))
            assert closings == [REASONS[device.door] for device in devices]
            assert await ended(child) == 0


class TestPlainUvicorn:
    """uvicorn with its own protocol class: it closes all sockets at once."""

    async def test_everybody_is_closed_with_1012(
        self, keeper: Keeper, stack: Stack, token: str, tmp_path: Any
    ) -> None:
        port = free_port()
        arguments = ["-m", "uvicorn", "live_inbox_site.asgi:application", "--port", str(port)]
        arguments += ["--ws", "websockets-sansio", "--timeout-graceful-shutdown", "10"]
        with child_of(keeper, stack, tmp_path, arguments) as child:
            await asyncio.to_thread(child.wait_until, lambda: not refuses(port))
            async with crowd(port, token) as everybody:
                devices = [await everybody.open(DOORS[n % len(DOORS)]) for n in range(12)]
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


@contextmanager
def child_of(keeper: Keeper, stack: Stack, directory: Any, arguments: list[str]) -> Iterator[Child]:
    """Run Python with these arguments, on the test's database."""
    environment = {**os.environ, **stack.environment()}
    environment["DATABASE_URL"] = stack.test_database_url()
    child = Child(
        keeper,
        [sys.executable, *arguments],
        log=directory / "log",
        environment=environment,
        directory=REPOSITORY,
    )
    try:
        yield child
    finally:
        child.kill()
