"""What clients do not read is limited: of one address, and of all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from live_inbox.sockets import unread_output as unread_output_module
from live_inbox.sockets.unread_output import UnreadOutput, unread_output
from tests.internals.test_uvicorn_requests import REQUEST, http_server, refused
from tests.sockets.socket_server import raw_client, running_server, until

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
        self.hold(output, cut, "10.0.0.1 a", 90)
        output.release("10.0.0.1 a")
        output.release("10.0.0.1 a")
        self.hold(output, cut, "10.0.0.1 b", 90)
        assert cut == []

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

    def test_nothing_is_left_of_what_was_released(
        self, output: UnreadOutput, cut: list[str]
    ) -> None:
        for number in range(1000):
            self.hold(output, cut, f"10.0.{number % 256}.1 {number}", 200)
            output.release(f"10.0.{number % 256}.1 {number}")
        assert (len(output), output._sums, output._sum, cut) == (0, {}, 0, [])


@pytest.fixture
def _little(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let one address leave two responses unread."""
    little = UnreadOutput(most_of_address=2 * len(LARGE))
    for module in ("uvicorn_requests", "uvicorn_frames"):
        monkeypatch.setattr(f"live_inbox.internals.{module}.unread_output", lambda: little)
    monkeypatch.setattr(unread_output_module, "unread_output", lambda: little)
    yield
    assert len(little) == 0


@pytest.mark.usefixtures("_little")
class TestConnections:
    async def test_responses(self) -> None:
        before = refused("unread_output")
        async with http_server() as server, AsyncExitStack() as opened:
            server.answer = LARGE
            for number in range(6):
                client = await opened.enter_async_context(raw_client(server.port))
                await client.send(REQUEST)
                await until(lambda number=number: len(server.bodies) > number)  # type: ignore[misc]
            await until(lambda: len(server.connections) <= 3)
            assert refused("unread_output") >= before + 3

    async def test_responses_that_are_written_in_parts(self) -> None:
        before = refused("unread_output")
        async with http_server() as server, AsyncExitStack() as opened:
            server.answer, server.part = LARGE, 65_536
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


def test_there_is_one_count_for_a_process() -> None:
    assert unread_output() is unread_output()
