"""A user who does what people do while others attack, and measures how long it takes."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.frames import CLOSE, PING, PONG, frame, opening
from tests.siege.plan import Account
from tests.siege.traffic import Stream, bearer, operation, text
from tests.stacks.ports import LOOPBACK

LIST = """{ notifications(first: 20) { totalCount unreadCount position
    nodes { id type title message link read createdAt } } }"""
SEND = """mutation($to: ID!, $title: String!) {
    send(input: {recipientId: $to, title: $title}) { notification { id } } }"""
MARK = "mutation($id: ID!) { markRead(id: $id) { unreadCount } }"
SUBSCRIPTION = """subscription { notificationEvents { __typename
    ... on NotificationAdded { notification { id title } } } }"""

PER_SECOND = 8.0
"""Of each activity: within the rate of sends, which is 10."""
OPERATION_SECONDS = 30.0
SETTLE_SECONDS = 20.0
"""How long the last deliveries may take."""

Activity = Callable[[], Awaitable[None]]


class Bystander:
    """Lists, marks, sends to themself, connects anew, and has two open sockets, one of each API.

    Activities begin at fixed moments, and their latencies count from there: a server that stands still delays all that
    was due meanwhile.
    """

    def __init__(self, port: int, account: Account) -> None:
        self.latencies: list[tuple[str, float]] = []
        """What was done, and the seconds that it took. Take them away whenever a round ends."""
        self.failures: list[str] = []
        self.done: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        """What came on the sockets, by API and kind. A reset would explain what is lost."""
        self._port = port
        self._account = account
        self._due: dict[str, float] = {}
        self._received: dict[str, Counter[str]] = {"graphql": Counter(), "json": Counter()}
        self._unmarked = list(account.notifications)
        self._tasks: list[asyncio.Task[None]] = []
        self._opened = AsyncExitStack()

    # -- beginning and end --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the sockets and begin."""
        sockets = {"graphql": self._graphql_socket(), "json": self._json_socket()}
        for name, opening_socket in sockets.items():
            stream = await self._opened.enter_async_context(opening_socket)
            self._tasks.append(asyncio.create_task(self._listen(name, stream)))
        connections = [await self._opened.enter_async_context(self._connection()) for _ in range(3)]
        activities: dict[str, Activity] = {
            "send": lambda: self._send(connections[0]),
            "list": lambda: self._list(connections[1]),
            "mark": lambda: self._mark(connections[2]),
            "connect": self._connect,
            "open a socket": self._open_socket,
        }
        for number, (name, activity) in enumerate(activities.items()):
            offset = number / len(activities) / PER_SECOND
            self._tasks.append(asyncio.create_task(self._repeat(name, activity, offset)))

    async def stop(self) -> None:
        """Stop, after the last deliveries."""
        *listening, _, _, _, _, _ = self._tasks
        for task in self._tasks[len(listening) :]:
            task.cancel()
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.lost() and time.monotonic() < deadline:  # noqa: ASYNC110  # nobody announces it
            await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._opened.aclose()

    def lost(self) -> list[str]:
        """Return what was sent, and was not received once on each socket so far."""
        return [
            f"{title} came {received[title]} times on {name}"
            for title in tuple(self._due)
            for name, received in self._received.items()
            if received[title] != 1
        ]

    # -- activities ---------------------------------------------------------------------------------------

    async def _repeat(self, name: str, activity: Activity, offset: float) -> None:
        due = time.perf_counter() + offset
        while True:
            await asyncio.sleep(due - time.perf_counter())
            try:
                async with asyncio.timeout(OPERATION_SECONDS):
                    await activity()
            except (OSError, asyncio.IncompleteReadError, Unserved) as error:
                self.failures.append(f"{name}: {error!r}")
                await asyncio.sleep(1)
            self._note(name, due)
            due += 1 / PER_SECOND

    def _note(self, name: str, since: float) -> None:
        self.latencies.append((name, time.perf_counter() - since))
        self.done[name] += 1

    async def _send(self, stream: Stream) -> None:
        title = f"to myself {len(self._due)}"
        self._due[title] = time.perf_counter()
        result = await self._ask(stream, SEND, to=str(self._account.user_id), title=title)
        self._unmarked.append(int(result["send"]["notification"]["id"]))

    async def _list(self, stream: Stream) -> None:
        await self._ask(stream, LIST)

    async def _mark(self, stream: Stream) -> None:
        if self._unmarked:
            await self._ask(stream, MARK, id=str(self._unmarked.pop(0)))

    async def _connect(self) -> None:
        async with self._connection() as stream:
            await self._ask(stream, LIST)

    async def _open_socket(self) -> None:
        async with self._graphql_socket():
            pass

    async def _ask(self, stream: Stream, query: str, **variables: str) -> Any:
        await stream.send(operation(query, self._account.token, variables))
        status, body = await stream.answer()
        result = json.loads(body) if status == "200" else {}
        if status != "200" or "errors" in result:
            raise Unserved(f"{status} {body[:300]!r}")
        return result["data"]

    # -- sockets ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Stream]:
        reader, writer = await asyncio.open_connection(LOOPBACK, self._port, limit=1 << 20)
        try:
            yield Stream(reader, writer)
        finally:
            writer.transport.abort()

    @asynccontextmanager
    async def _handshake(self, path: str, *headers: str) -> AsyncIterator[Stream]:
        async with self._connection() as stream:
            await stream.send(opening("localhost", path, headers))
            status = await stream.response()
            if status != "101":
                raise Unserved(f"{status} for a handshake")
            yield stream

    @asynccontextmanager
    async def _graphql_socket(self) -> AsyncIterator[Stream]:
        """A socket that is subscribed."""
        protocol = "Sec-WebSocket-Protocol: graphql-transport-ws"
        async with self._handshake("/graphql/", protocol) as stream:
            await stream.send(
                text({"type": "connection_init", "payload": bearer(self._account.token)})
            )
            await _expect(stream, "connection_ack")
            subscribe = {"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION}}
            await stream.send(text(subscribe) + text({"type": "ping"}))
            await _expect(stream, "pong")
            yield stream

    @asynccontextmanager
    async def _json_socket(self) -> AsyncIterator[Stream]:
        async with self._handshake(f"/ws/notifications/?token={self._account.token}") as stream:
            await stream.send(text({"type": "get_notifications", "limit": 1}))
            await _expect(stream, "notifications_list")
            yield stream

    async def _listen(self, name: str, stream: Stream) -> None:
        try:
            while True:
                first, payload = await stream.message()
                if first == CLOSE:
                    raise Unserved(f"closed with {int.from_bytes(payload[:2], 'big')}")
                if first == PING:
                    stream.write(frame(payload, PONG))
                else:
                    self._on_message(name, json.loads(payload))
        except (OSError, asyncio.IncompleteReadError, Unserved) as error:
            self.failures.append(f"the socket of {name}: {error!r}")

    def _on_message(self, name: str, message: Any) -> None:
        if name == "graphql":
            message = message.get("payload", {}).get("data", {}).get("notificationEvents", {})
        self.messages[f"{name}: {message.get('__typename') or message.get('type')}"] += 1
        title = (message.get("notification") or {}).get("title")
        if title in self._due:
            self._received[name][title] += 1
            self._note(f"receive by {name}", self._due[title])


class Unserved(Exception):
    """Raised when the bystander gets anything but what they asked for."""


async def _expect(stream: Stream, kind: str) -> None:
    while True:
        first, payload = await stream.message()
        if first == CLOSE:
            raise Unserved(f"closed with {int.from_bytes(payload[:2], 'big')}")
        if first != PING and json.loads(payload)["type"] == kind:
            return
