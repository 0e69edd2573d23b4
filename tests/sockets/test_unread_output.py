"""What clients do not read is limited: of one address, and of all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn

from live_inbox.sockets import unread_output as unread_output_module
from live_inbox.sockets.unread_output import UnreadOutput, unread_output
from tests.changed_settings import changed_settings
from tests.delivery.metric_values import counted
from tests.internals.test_uvicorn_requests import REQUEST, http_server, refused
from tests.sockets.socket_server import raw_client, running_server
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

LARGE = b"x" * 8_000_000
"""More than the buffers of the system take for a client that does not read."""


class TestUnreadOutput:
    @pytest.fixture
    def cut(self) -> list[str]:
        return []

    @pytest.fixture
    def output(self) -> UnreadOutput:
        return UnreadOutput(most_of_address=100, most=250)

    def hold(self, output: UnreadOutput, cut: list[str], name: str, size: int) -> None:
        """Count output of a connection whose name begins with its address."""
        output.hold(name, name.partition(" ")[0], size, lambda: cut.append(name))

    def test_of_one_address_the_connection_that_waits_longest_is_cut(
        self, output: UnreadOutput, cut: list[str]
    ) -> None:
        for name in ("10.0.0.1 a", "10.0.0.2 a", "10.0.0.1 b", "10.0.0.1 c"):
            self.hold(output, cut, name, 45)
        assert cut == ["10.0.0.1 a"]
        assert len(output) == 3

    def test_who_reads_is_not_counted(self, output: UnreadOutput, cut: list[str]) -> None:
        clients, size = counted("slow_clients"), counted("unread_bytes")
        self.hold(output, cut, "10.0.0.1 a", 90)
        output.release("10.0.0.1 a")
        output.release("10.0.0.1 a")
        self.hold(output, cut, "10.0.0.1 b", 90)
        assert cut == []
        assert (counted("slow_clients"), counted("unread_bytes")) == (clients + 1, size + 90)
        output.release("10.0.0.1 b")
        assert (counted("slow_clients"), counted("unread_bytes")) == (clients, size)

    def test_one_large_response_is_not_cut(self, output: UnreadOutput, cut: list[str]) -> None:
        self.hold(output, cut, "10.0.0.1 a", 10)
        self.hold(output, cut, "10.0.0.1 b", 1000)
        assert cut == ["10.0.0.1 a"]

    def test_of_all_the_address_that_holds_most_is_cut(
        self, output: UnreadOutput, cut: list[str]
    ) -> None:
        for name, size in (("10.0.0.1 a", 40), ("10.0.0.2 a", 50), ("10.0.0.2 b", 49)):
            self.hold(output, cut, name, size)
        self.hold(output, cut, "10.0.0.3 a", 90)
        assert cut == []
        self.hold(output, cut, "10.0.0.4 a", 50)
        assert cut == ["10.0.0.2 a"]

    def test_a_network_of_ipv6_is_one_address(self, output: UnreadOutput, cut: list[str]) -> None:
        self.hold(output, cut, "2001:db8::1 a", 60)
        self.hold(output, cut, "2001:db8::2 a", 60)
        assert cut == ["2001:db8::1 a"]

    @pytest.mark.parametrize("address", ["127.0.0.1", "", "nonsense"])
    def test_unlimited_addresses_and_what_is_no_address_count_for_all_alone(
        self, cut: list[str], address: str
    ) -> None:
        unlimited = (ip_network("127.0.0.0/8"),)
        output = UnreadOutput(unlimited, most_of_address=100, most=250)
        for name in "abc":
            self.hold(output, cut, f"{address} {name}", 80)
        assert cut == []
        self.hold(output, cut, f"{address} d", 80)
        assert cut == [f"{address} a"]

    def test_nothing_is_left_of_what_was_released(
        self, output: UnreadOutput, cut: list[str]
    ) -> None:
        for number in range(1000):
            self.hold(output, cut, f"10.0.{number % 256}.1 {number}", 200)
            output.release(f"10.0.{number % 256}.1 {number}")
        assert (len(output), output._sums, output._sum, cut) == (0, {}, 0, [])


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> Iterator[UnreadOutput]:
    """Let one address leave two responses unread."""
    little = UnreadOutput(most_of_address=2 * len(LARGE))
    for module in ("uvicorn_requests", "uvicorn_frames"):
        monkeypatch.setattr(f"live_inbox.internals.{module}.unread_output", lambda: little)
    monkeypatch.setattr(unread_output_module, "unread_output", lambda: little)
    yield little
    assert len(little) == 0


@pytest.mark.usefixtures("little")
class TestConnections:
    async def test_responses(self) -> None:
        await self._see_that_responses_are_cut()

    async def test_responses_that_are_written_in_parts(self) -> None:
        await self._see_that_responses_are_cut(part=65_536)

    async def _see_that_responses_are_cut(self, *, part: int | None = None) -> None:
        before = refused("unread_output")
        async with http_server() as server, AsyncExitStack() as opened:
            server.answer, server.part = LARGE, part
            for number in range(6):
                client = await opened.enter_async_context(raw_client(server.port))
                await client.send(REQUEST)
                await until(lambda number=number: len(server.bodies) > number)  # type: ignore[misc]
            await until(lambda: len(server.connections) <= 3)
            assert refused("unread_output") >= before + 3

    async def test_messages_on_sockets(self) -> None:
        before = refused("unread_output")
        async with running_server() as server, AsyncExitStack() as opened:
            for _ in range(6):
                end, _client = await opened.enter_async_context(server.opened_without_reading())
                end.writer.write([LARGE])
            await until(lambda: len(server.server.server_state.connections) <= 3)
            assert refused("unread_output") >= before + 3


def with_clients(server: uvicorn.Server, *addresses: str) -> None:
    """Let the application note these clients, one after the other, as the site does behind a trusted proxy."""
    application, left = server.config.loaded_app, iter(addresses)

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = (next(left), 0)
        await application(scope, receive, send)

    server.config.loaded_app = noting


PROXIES = {
    "of others": (["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], False),
    "of one client": (["192.0.2.1"] * 4, True),
    "not known": (["127.0.0.1"] * 4, False),
}


@pytest.mark.parametrize(("clients", "is_cut"), PROXIES.values(), ids=PROXIES)
class TestBehindAProxy:
    @pytest.fixture(autouse=True)
    def _trusted(self) -> Iterator[None]:
        with changed_settings(TRUSTED_PROXIES=["127.0.0.1"]):
            yield

    async def test_responses(self, clients: list[str], is_cut: bool, little: UnreadOutput) -> None:
        async with http_server() as server, AsyncExitStack() as opened:
            server.answer = LARGE
            with_clients(server.server, *clients)
            for number in range(4):
                client = await opened.enter_async_context(raw_client(server.port))
                await client.send(REQUEST)
                await until(lambda number=number: len(server.bodies) > number)  # type: ignore[misc]
            await until(lambda: len(server.connections) < 4 if is_cut else len(little) == 4)

    async def test_messages_on_sockets(
        self, clients: list[str], is_cut: bool, little: UnreadOutput
    ) -> None:
        async with running_server() as server, AsyncExitStack() as opened:
            with_clients(server.server, *clients)
            for _ in range(4):
                end, _client = await opened.enter_async_context(server.opened_without_reading())
                end.writer.write([LARGE])
            connections = server.server.server_state.connections
            await until(lambda: len(connections) < 4 if is_cut else len(little) == 4)


def test_there_is_one_count_for_a_process() -> None:
    assert unread_output() is unread_output()
