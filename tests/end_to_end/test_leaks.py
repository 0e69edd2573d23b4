"""Sockets close at every phase of a connection, with and without a close frame: nothing of them may stay in memory.

`LEAK_ROUNDS=100000 make test ARGS="-k test_leaks"` does it so many times; `make test` by itself a few hundred.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
from django.contrib.auth import get_user_model
from prometheus_client import REGISTRY

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.delivery.hub import Subscription
from live_inbox.feed import Following, OpenFeed
from live_inbox.identity.issuing import issue_token
from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
from live_inbox.json_api.connection import JsonConnection
from live_inbox.json_api.protocol import JsonProtocol
from live_inbox.sockets.session import SocketSession
from live_inbox.sockets.writer import AsgiWriter, DirectWriter
from live_inbox_graphql.graphql_transport_ws import GraphQLTransportWSProtocol
from live_inbox_graphql.graphql_ws import GraphQLWSProtocol
from live_inbox_graphql.operations import Operation
from tests.changed_settings import changed_settings
from tests.end_to_end.in_process_server import InProcessServer, in_process_server
from tests.sockets.socket_server import OUR_CLASS, PLAIN_CLASS, RawClient, masked, raw_client
from tests.waiting import until

ROUNDS = int(os.environ.get("LEAK_ROUNDS", "600"))
AT_ONCE = 20
BYTES_FOR_A_THOUSAND = 2 * 1024 * 1024
"""By how much the process may grow for each thousand sockets that came and went, if there are many thousands."""
MANY = 10_000

KINDS = (
    SocketSession,
    Operation,
    Following,
    OpenFeed,
    Subscription,
    GraphQLTransportWSProtocol,
    GraphQLWSProtocol,
    JsonConnection,
    JsonProtocol,
    DirectWriter,
    AsgiWriter,
    DirectSocketProtocol,
)
PROTOCOLS = ("graphql-transport-ws", "graphql-ws", "original")
PHASES = ("connecting", "silent", "before the answer", "beginning", "live", "asking")
POSITION = "{ notifications(first: 1) { position } }"
SUBSCRIBE = 'subscription { notificationEvents(after: "%s") { position } }'
SUBSCRIBE_TYPENAMES = 'subscription { notificationEvents(after: "%s") { __typename } }'
SEND = 'mutation { send(input: {recipientId: "%s", title: "x"}) { notification { id } } }'

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60 + ROUNDS)]


@pytest.fixture(autouse=True)
def _unlimited() -> Iterator[None]:
    """Let so many notifications be sent that limits would be in the way."""
    unlimited = "1000000/second burst 1000000"
    with changed_settings(SEND_RATE=unlimited, RECIPIENT_RATE=unlimited, OPERATION_RATE=unlimited):
        yield


class LeakClient:
    """A client that connects with one protocol, reaches one phase, and disconnects."""

    def __init__(self, server: InProcessServer, user_id: int, token: str, number: int) -> None:
        self._server = server
        self._user_id = user_id
        self._token = token
        turns = itertools.product(PROTOCOLS, PHASES, (True, False))
        self._protocol, self._phase, self._closes_cleanly = list(turns)[number % 36]

    async def run(self) -> None:
        """Connect, and disconnect."""
        async with raw_client(self._server.port, buffer_bytes=65_536) as client:
            await self._advance(client)
            if self._closes_cleanly:
                await self._close_cleanly(client)
            else:
                client.reset()

    async def _advance(self, client: RawClient) -> None:
        if self._phase == "connecting":
            with suppress(ConnectionError):
                await client.send(b"GET /graphql/ HTTP/1.1\r\nUpgrade: websocket\r\n")
            return
        is_original = self._protocol == "original"
        path = f"/ws/notifications/?token={self._token}" if is_original else "/graphql/"
        await client.handshake(path, subprotocol="" if is_original else self._protocol)
        if self._phase == "silent":
            return
        if not is_original:
            payload = {"Authorization": f"Bearer {self._token}"}
            await client.send_text(json.dumps({"type": "connection_init", "payload": payload}))
        if self._phase == "before the answer":
            return
        if is_original:
            await client.send_text('{"type":"get_notifications"}')
            await self._receive_until(client, b"notifications_list")
        else:
            await self._receive_until(client, b"connection_ack")
            # As it is meant to be used: a subscription without a position misses what is sent before it is live.
            await self._ask(client, "0", POSITION)
            received = await self._receive_until(client, b'"complete"')
            position = received.split(b'"position":"')[1].split(b'"')[0].decode()
            await self._ask(client, "1", SUBSCRIBE % position)
            await self._ask(client, "2", SUBSCRIBE_TYPENAMES % position)
        if self._phase == "beginning":
            return
        await self._act(client)
        if self._phase == "live":
            await self._receive_until(
                client, b'"type":"notification"' if is_original else b"notificationEvents"
            )

    async def _act(self, client: RawClient) -> None:
        """Ask for something that the database has to do, and whose event goes to every client here."""
        if self._protocol == "original":
            asked = {"type": "send_notification", "user_id": self._user_id, "title": "x"}
            await client.send_text(json.dumps(asked))
        else:
            await self._ask(client, "3", SEND % self._user_id)

    async def _ask(self, client: RawClient, id: str, query: str) -> None:
        kind = "start" if self._protocol == "graphql-ws" else "subscribe"
        await client.send_text(json.dumps({"id": id, "type": kind, "payload": {"query": query}}))

    @staticmethod
    async def _receive_until(client: RawClient, expected: bytes) -> bytes:
        """Read until `expected` comes, and return what was read."""
        received = b""
        try:
            while expected not in received:
                got = await client.receive()
                assert got, received
                received += got
            return received
        except TimeoutError:
            raise AssertionError(f"received {received!r} instead of {expected!r}") from None

    @staticmethod
    async def _close_cleanly(client: RawClient) -> None:
        """Close as the protocol has it, and read until the server has closed too."""
        with suppress(ConnectionError):
            await client.send(masked(0x8, b"\x03\xe8"))
            while await client.receive():
                pass


def alive() -> Counter[str]:
    """Count what there is of the objects that belong to sockets. Other tests may have left some behind."""
    gc.collect()
    # By type: to ask proxies for their class may fail.
    found = Counter(type(each) for each in gc.get_objects())
    return Counter({kind.__name__: found[kind] for kind in KINDS if found[kind]})


def gauges() -> dict[str, float]:
    """Return the gauges of open things in this process, other tests' included."""
    open_things: dict[str, float] = {
        "subscriptions": REGISTRY.get_sample_value("inbox_subscriptions") or 0.0,
        "inboxes": REGISTRY.get_sample_value("inbox_open_inboxes") or 0.0,
    }
    for api in ("graphql", "json"):
        open_things[api] = sum(
            sample.value
            for family in metrics.SOCKETS.collect()
            for sample in family.samples
            if sample.labels["api"] == api
        )
    return open_things


def files() -> int:
    """Count the open files of this process: sockets and connections to the database among them."""
    return psutil.Process().num_fds()


async def connect_and_disconnect(
    server: InProcessServer, user_id: int, token: str, rounds: int
) -> None:
    """Connect and disconnect so many clients, some at a time."""
    numbers = iter(range(rounds))

    async def one_after_another() -> None:
        for number in numbers:
            await LeakClient(server, user_id, token, number).run()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_after_another())
    await until(lambda: not server.server.server_state.connections)
    await until(lambda: not server.server.server_state.tasks)


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
async def test_closed_sockets_leave_nothing_in_memory(
    socket_class: str, alice: int, record_property: Any
) -> None:
    user = await get_user_model().objects.aget(pk=alice)
    token = issue_token(user, ttl_seconds=86_400)
    rounds = ROUNDS // 2
    process = psutil.Process()
    async with in_process_server(socket_class, linger_seconds=0.1) as server:
        # What the process allocates once, it allocates now.
        await connect_and_disconnect(server, alice, token, 36)
        await until(lambda: not server.hub._open_inboxes)
        tasks, fds, rss = len(asyncio.all_tasks()), files(), process.memory_info().rss
        before, others = gauges(), alive()
        await connect_and_disconnect(server, alice, token, rounds)
        await until(lambda: not server.hub._open_inboxes and not server.members)
        with suppress(TimeoutError):
            # A thread that looks into the database for one that has gone ends when it has its answer.
            await until(lambda: not alive() - others)
        assert not alive() - others
        assert gauges() == before
        assert len(server.admissions) == 0
        assert (
            server.admissions._by_user,
            server.hub._reader._reads,
            server.hub._reader._opening,
        ) == ({}, [], set())
        # Some of the threads that look into the database may not have had to before.
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert files() <= fds + 3 * inbox_settings().database_threads
        growth = process.memory_info().rss - rss
        record_property("growth", growth)
        print(f"{rounds} sockets: grew by {growth / 1024:.0f} kB, {files() - fds} files")
        if rounds >= MANY:
            assert growth / rounds * 1000 < BYTES_FOR_A_THOUSAND
        # And everything still works.
        await LeakClient(server, alice, token, PHASES.index("live") * 2).run()
