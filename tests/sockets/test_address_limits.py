"""How much of a server one address may take, and one user: connections, handshakes, sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from django.contrib.auth import get_user_model

from benchmarks.frames import PING, frame
from live_inbox import metrics
from live_inbox.client_addresses import parse_networks
from live_inbox.identity.issuing import issue_token
from live_inbox.limits.rate import RateLimit
from live_inbox.sockets import address_limits
from live_inbox.sockets.address_limits import AddressLimit, connections_of_addresses
from tests.changed_settings import changed_settings
from tests.end_to_end.test_hostile_clients import counted
from tests.internals.test_uvicorn_frames import close_frame
from tests.internals.test_uvicorn_requests import (
    HANDSHAKE,
    NEVER,
    REQUEST,
    error_of,
    http_server,
    refused,
)
from tests.sockets.socket_server import raw_client
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

ELSEWHERE = "192.0.2.255"
"""Of UNLIMITED_ADDRESSES, in place of the loopback addresses."""


def limit(most: int = 2, rate: str = "1/hour burst 5") -> AddressLimit:
    """Return a limit of loopback addresses, too."""
    return AddressLimit("connections", most, RateLimit.parse(rate), parse_networks([ELSEWHERE]))


class TestAddressLimit:
    def test_so_many_are_open_at_once(self, caplog: pytest.LogCaptureFixture) -> None:
        tried = limit()
        assert [tried.open("a"), tried.open("a"), tried.open("a")] == [True, True, False]
        assert tried.open("b")
        tried.close("a")
        assert tried.open("a")
        assert "a has 2 open" in caplog.text
        assert "TRUSTED_PROXIES" in caplog.text

    def test_so_many_are_opened_in_a_time(self) -> None:
        tried = limit(most=100)
        assert [tried.open("a") for _ in range(6)] == [True] * 5 + [False]
        assert tried.open("b")

    def test_what_was_closed_is_forgotten(self) -> None:
        tried = limit(most=100, rate="1000/second")
        for number in range(100):
            assert tried.open(str(number))
        for number in range(100):
            tried.close(str(number))
        assert len(tried) == 0

    def test_the_log_has_one_line_for_a_flood(self, caplog: pytest.LogCaptureFixture) -> None:
        tried = limit()
        before = metrics.RATE_LIMITED.labels("connections_of_address")._value.get()
        for number in range(500):
            tried.open("a" if number % 2 else f"{number % 50}")
        assert len(caplog.records) == 1
        assert metrics.RATE_LIMITED.labels("connections_of_address")._value.get() > before + 200

    def test_unlimited_addresses_and_what_is_no_address(self) -> None:
        tried = limit()
        assert tried.key(ELSEWHERE) is None
        assert tried.key(None) is None
        assert tried.key("127.0.0.1") == "127.0.0.1"


@pytest.fixture
def _few_of_one_address() -> Iterator[None]:
    """Let one address, this machine's too, have three connections and ten new ones."""
    with changed_settings(
        UNLIMITED_ADDRESSES=[ELSEWHERE],
        MAX_CONNECTIONS_PER_ADDRESS=3,
        CONNECTION_RATE="1/hour burst 10",
    ):
        address_limits.forget_limits()
        yield
    address_limits.forget_limits()


@pytest.mark.usefixtures("_few_of_one_address")
class TestConnections:
    async def test_more_at_once_are_refused_until_others_are_closed(self) -> None:
        before = refused("connections_of_address")
        async with http_server() as server:
            async with AsyncExitStack() as opened:
                for _ in range(3):
                    client = await opened.enter_async_context(raw_client(server.port))
                    await client.send(REQUEST)
                    assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
                async with raw_client(server.port) as client:
                    answer = await client.receive_all()
                    assert error_of(answer) == (429, "RATE_LIMITED")
                    assert b"\r\nretry-after: 5\r\n" in answer
            await until(lambda: len(connections_of_addresses()) == 0)
            async with raw_client(server.port) as client:
                await client.send(REQUEST)
                assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
        assert refused("connections_of_address") - before == 1

    async def test_more_in_a_time_are_refused(self) -> None:
        async with http_server() as server:
            answers = []
            for _ in range(12):
                async with raw_client(server.port) as client:
                    await client.send(REQUEST)
                    answers.append((await client.receive())[9:12])
                await until(lambda: len(connections_of_addresses()) == 0)
        assert answers == [b"200"] * 10 + [b"429"] * 2

    async def test_some_wait_for_their_refusal_and_the_others_get_it_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(address_limits, "REFUSAL_SECONDS", NEVER)
        monkeypatch.setattr(address_limits, "MOST_WAITING", 2)
        async with http_server() as server, AsyncExitStack() as opened:
            clients = [await opened.enter_async_context(raw_client(server.port)) for _ in range(6)]
            # The sixth is refused after the others have been accepted, in this order.
            assert (await clients[5].receive_all()).startswith(b"HTTP/1.1 429 ")
            limit = connections_of_addresses()
            assert not limit.begin_refusal("127.0.0.1")
            await until(lambda: len(server.connections) == 5)

    async def test_who_leaves_before_the_refusal_leaves_nothing_behind(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(address_limits, "MOST_WAITING", 2)
        monkeypatch.setattr(address_limits, "REFUSAL_SECONDS", 0.01)
        async with http_server() as server:
            async with AsyncExitStack() as opened:
                for _ in range(5):
                    await opened.enter_async_context(raw_client(server.port))
                await until(lambda: len(server.connections) == 3)
            await until(lambda: not server.connections)
        limit = connections_of_addresses()
        assert [limit.begin_refusal("127.0.0.1") for _ in range(3)] == [True, True, False]

    async def test_a_socket_is_no_connection_for_requests(self) -> None:
        async with http_server() as server, AsyncExitStack() as opened:
            for _ in range(5):
                client = await opened.enter_async_context(raw_client(server.port))
                await client.send(b"GET / HTTP/1.1\r\n" + HANDSHAKE + b"\r\n")
                assert b" 500 " in await client.receive()
                assert len(connections_of_addresses()) == 0

    async def test_those_of_a_trusted_proxy_are_its_own_affair(self) -> None:
        with changed_settings(
            UNLIMITED_ADDRESSES=[ELSEWHERE],
            MAX_CONNECTIONS_PER_ADDRESS=1,
            TRUSTED_PROXIES=["127.0.0.1"],
        ):
            async with http_server() as server, AsyncExitStack() as opened:
                for _ in range(5):
                    client = await opened.enter_async_context(raw_client(server.port))
                    await client.send(REQUEST)
                    assert (await client.receive()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.django_db(transaction=True)
async def test_silent_connections_fill_a_process_for_no_longer_than_they_may_be_silent(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = await asyncio.to_thread(start_server, MAX_CONNECTIONS="20")
    async with AsyncExitStack() as opened:
        silent = [await opened.enter_async_context(raw_client(server.port)) for _ in range(20)]
        async with raw_client(server.port) as client:
            assert error_of(await client.receive_all()) == (503, "SERVICE_UNAVAILABLE")
        for each in silent:
            assert await each.receive_all() == b""
        async with raw_client(server.port) as client:
            await client.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
    assert "20 are open, as many as MAX_CONNECTIONS allows" in server.log()


PATHS = ["/graphql/", "/ws/notifications/?token={token}"]


@pytest.fixture
def token(transactional_db: None) -> str:
    """A token of a user."""
    user = get_user_model().objects.create_user(username="alice")
    return issue_token(user, ttl_seconds=3600)


async def handshake(
    server: ServerProcess, opened: AsyncExitStack, path: str, address: str
) -> bytes:
    """Open a socket as a proxy does for a client; return the status."""
    client = await opened.enter_async_context(raw_client(server.port, buffer_bytes=65_536))
    subprotocol = b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
    start = f"GET {path} HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1, {address}\r\n".encode()
    await client.send(start + HANDSHAKE + subprotocol + b"\r\n")
    return (await client.receive())[9:12]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PATHS, ids=["graphql", "json"])
async def test_sockets_of_one_address(
    start_server: Callable[..., ServerProcess], token: str, path: str
) -> None:
    server = await asyncio.to_thread(
        start_server, TRUSTED_PROXIES="127.0.0.1", MAX_SOCKETS_PER_ADDRESS="3"
    )
    path = path.format(token=token)
    async with AsyncExitStack() as others:
        async with AsyncExitStack() as opened:
            found = [await handshake(server, opened, path, f"2001:db8::{n}") for n in range(4)]
            assert found == [b"101", b"101", b"101", b"429"]
            assert await handshake(server, others, path, "2001:db8:0:1::1") == b"101"

        async def is_accepted() -> bool:
            return await handshake(server, others, path, "2001:db8::9") == b"101"

        # The first three are gone, as soon as the server has noticed.
        async with asyncio.timeout(20):
            while not await is_accepted():  # noqa: ASYNC110  # nobody announces it
                await asyncio.sleep(0.05)
    assert "Traceback" not in server.log()
    assert "without completing handshake" not in server.log()
    assert "2001:db8::/64 has 3 open" in server.log()


@pytest.mark.django_db(transaction=True)
async def test_handshakes_of_one_address(start_server: Callable[..., ServerProcess]) -> None:
    server = await asyncio.to_thread(
        start_server, TRUSTED_PROXIES="1", HANDSHAKE_RATE="1/hour burst 5"
    )
    found = []
    for _ in range(7):
        async with AsyncExitStack() as opened:
            found.append(await handshake(server, opened, PATHS[0], "192.0.2.1"))
    assert found == [b"101"] * 5 + [b"429"] * 2
    async with AsyncExitStack() as opened:
        for path in PATHS:
            # Leaves before the refusal.
            leaving = await opened.enter_async_context(raw_client(server.port))
            start = f"GET {path} HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n".encode()
            await leaving.send(start + HANDSHAKE + b"\r\n")
            leaving.reset()
        assert await handshake(server, opened, PATHS[0], "192.0.2.2") == b"101"
        # Its refusal begins later, and so ends later.
        assert await handshake(server, opened, PATHS[0], "192.0.2.1") == b"429"
    assert "Traceback" not in server.log(), server.log()


@pytest.mark.django_db(transaction=True)
async def test_a_crowd_of_handshakes_is_answered(
    start_server: Callable[..., ServerProcess],
) -> None:
    """They take turns, and what was sent together with one is not lost meanwhile. Some have gone by then."""
    server = await asyncio.to_thread(
        start_server, UNLIMITED_ADDRESSES=ELSEWHERE, HANDSHAKE_RATE="1000/second"
    )
    subprotocol = b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
    start = b"GET /graphql/ HTTP/1.1\r\n" + HANDSHAKE + subprotocol + b"\r\n"
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(raw_client(server.port)) for _ in range(60)]
        server.child.freeze()
        for number, client in enumerate(clients):
            await client.send(start + frame(b'{"type":"ping"}') + frame(b"", PING))
            if number % 3 == 0:
                client.reset()
        server.child.thaw()
        for number, client in enumerate(clients):
            if number % 3:
                answer = b""
                async with asyncio.timeout(30):
                    while b'{"type":"pong"}' not in answer or b"\x8a\x00" not in answer:
                        answer += await client.receive()
                assert answer.startswith(b"HTTP/1.1 101 ")
    assert "Traceback" not in server.log(), server.log()


@pytest.mark.django_db(transaction=True)
async def test_sockets_of_one_user_over_both_apis(
    start_server: Callable[..., ServerProcess], token: str
) -> None:
    server = await asyncio.to_thread(start_server, MAX_SOCKETS_PER_USER="2")
    json_path = PATHS[1].format(token=token)
    init = json.dumps({"type": "connection_init", "payload": {"token": token}})
    async with AsyncExitStack() as opened:
        for _ in range(2):
            client = await opened.enter_async_context(raw_client(server.port))
            await client.handshake(json_path)
            await client.send_text("{}")
            # An error, but the caller was admitted.
            assert await client.receive()
        third = await opened.enter_async_context(raw_client(server.port))
        await third.handshake(json_path)
        assert await close_frame(third) == (4429, "Too many messages or connections")
        for subprotocol in ("graphql-transport-ws", "graphql-ws"):
            other = await opened.enter_async_context(raw_client(server.port))
            await other.handshake("/graphql/", subprotocol=subprotocol)
            await other.send_text(init)
            if subprotocol == "graphql-transport-ws":
                code, reason = await close_frame(other)
                assert (code, reason) == (1013, "Try again later: too many sockets")
            else:
                assert b"too many sockets" in await other.receive_all()
    assert counted(server, 'inbox_rate_limited_total{limit="sockets_of_user"}') == 3
    assert "Traceback" not in server.log()
