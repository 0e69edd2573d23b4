"""Our protocol class in a real server: direct writing, clients that do not read, and the stop of the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from live_inbox.conf import inbox_settings
from live_inbox.internals import uvicorn_sockets
from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
from live_inbox.sockets.server_protocol import CLOSE_SECONDS, SHUTDOWN_RATE, SHUTDOWN_SECONDS
from live_inbox.sockets.writer import AsgiWriter, DirectWriter
from tests.sockets.socket_server import (
    PLAIN_CLASS,
    WAIT_SECONDS,
    SocketServer,
    masked,
    running_server,
)
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

MUCH = [b"x" * 60_000] * 100
"""More than the buffers of the system take for a client that does not read."""


@pytest.fixture
async def server() -> AsyncIterator[SocketServer]:
    """A server with our class."""
    async with running_server() as server:
        yield server


async def received(client: ClientConnection, count: int) -> list[str]:
    """Read so many messages."""
    async with asyncio.timeout(WAIT_SECONDS):
        return [str(await client.recv()) for _ in range(count)]


async def closed(client: ClientConnection) -> tuple[int, str]:
    """Read to the end, and return how the server closed."""
    with pytest.raises(ConnectionClosed) as caught:
        await received(client, 10_000)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


class RecordingTransport:
    """A transport that records what is written."""

    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        """Record and write data."""
        self._writes.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class TestWriting:
    async def test_the_socket_is_offered_beside_uvicorns_extensions(
        self, server: SocketServer
    ) -> None:
        async with server.opened() as (served, _):
            assert set(served.scope["extensions"]) == {
                "websocket.http.response",
                "live_inbox.direct",
            }
            assert isinstance(served.writer, DirectWriter)

    async def test_uvicorns_class_offers_nothing_and_is_served_by_asgi(self) -> None:
        async with running_server(PLAIN_CLASS) as server, server.opened() as (served, client):
            assert isinstance(served.writer, AsgiWriter)
            served.writer.write([b"1", b"2"])
            assert await received(client, 2) == ["1", "2"]

    async def test_messages_of_all_lengths_arrive(self, server: SocketServer) -> None:
        lengths = [0, 1, 125, 126, 65_535, 65_536, 200_000]
        messages = [b"x" * length for length in lengths]
        async with server.opened() as (served, client):
            served.writer.write(messages)
            assert [len(text) for text in await received(client, len(lengths))] == lengths

    async def test_direct_messages_and_those_by_asgi_keep_their_order(
        self, server: SocketServer
    ) -> None:
        async with server.opened() as (served, client):
            expected = []
            for number in range(100):
                served.writer.write([f"{number} direct".encode(), f"{number} more".encode()])
                await served.send({"type": "websocket.send", "text": f"{number} asgi"})
                expected += [f"{number} direct", f"{number} more", f"{number} asgi"]
            assert await received(client, len(expected)) == expected

    async def test_the_close_comes_after_what_was_written(self, server: SocketServer) -> None:
        async with server.opened() as (served, client):
            served.writer.write([b"1", b"2"])
            await served.writer.close(4000, "enough")
            assert await received(client, 2) == ["1", "2"]
            assert await closed(client) == (4000, "enough")

    async def test_what_is_written_in_one_iteration_is_sent_in_one_write_at_its_end(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with server.opened() as (served, client):
            writes: list[bytes] = []
            transport = served.protocol.transport
            monkeypatch.setattr(served.protocol, "transport", RecordingTransport(transport, writes))
            served.writer.write([b"1", b"2"])
            served.writer.write([b"3"])
            assert writes == []
            await asyncio.sleep(0)
            assert writes == [b"\x81\x011\x81\x012\x81\x013"]
            assert await received(client, 3) == ["1", "2", "3"]

    async def test_many_sockets_are_written_to_in_one_iteration(self, server: SocketServer) -> None:
        async with AsyncExitStack() as opened:
            sockets = [await opened.enter_async_context(server.opened()) for _ in range(100)]
            for number, (served, _) in enumerate(sockets):
                served.writer.write([b"%d" % number])
                served.writer.write([b"more"])
            for number, (_, client) in enumerate(sockets):
                assert await received(client, 2) == [str(number), "more"]

    async def test_much_is_written_at_once_to_learn_whether_there_is_room(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, _):
            # All of it in one iteration of the loop.
            rooms = [served.writer.write([b"x" * 10_000]) for _ in range(600)]
            assert rooms[0] is None
            assert rooms[-1] is not None

    async def test_the_answer_to_a_close_comes_after_what_was_written(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            served.writer.write([b"last"])
            served.protocol.data_received(masked(0x8, b"\x03\xe8"))
            assert await client.receive() == b"\x81\x04last" + b"\x88\x02\x03\xe8"

    async def test_the_close_of_a_server_that_stops_comes_after_what_was_written(
        self, server: SocketServer
    ) -> None:
        async with server.opened() as (served, client):
            served.writer.write([b"last"])
            served.protocol.shutdown()
            assert await received(client, 1) == ["last"]
            assert await closed(client) == (1012, "")

    async def test_what_was_not_written_goes_with_the_connection(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, _):
            served.writer.write([b"never"])
            served.protocol.transport.abort()
            await until(lambda: served.is_over)

    async def test_after_our_close_nothing_is_written_and_nothing_raised(
        self, server: SocketServer
    ) -> None:
        async with server.opened() as (served, client):
            await served.writer.close(4000, "")
            assert served.writer.write([b"late"]) is None
            await served.writer.close(4001, "")
            assert await closed(client) == (4000, "")

    async def test_after_the_clients_close_nothing_is_written_and_nothing_raised(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            # In one iteration of the loop: the close has come, and the connection is not lost yet.
            served.protocol.data_received(masked(0x8, b"\x03\xe8"))
            assert not served.protocol.disconnected
            assert served.writer.write([b"late"]) is None
            await until(lambda: served.protocol.disconnected)
            assert served.writer.write([b"later"]) is None
            await served.writer.close(1000, "")
            assert await client.receive() == bytes.fromhex("88 02 03 e8")
            assert await client.receive() == b""

    async def test_after_a_message_that_breaks_the_protocol_nothing_is_written(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            served.protocol.data_received(masked(0x3, b"no such opcode"))
            assert served.writer.write([b"late"]) is None
            assert (await client.receive())[:4] == bytes.fromhex("88 10 03 ea")

    async def test_after_the_client_is_gone_nothing_is_written_and_nothing_raised(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            client.reset()
            await until(lambda: served.is_over)
            assert served.writer.write(MUCH) is None
            assert served.protocol.transport.get_write_buffer_size() == 0
            await served.writer.close(1000, "")

    async def test_there_is_room_again_when_the_client_has_read(self, server: SocketServer) -> None:
        async with server.opened_without_reading() as (served, client):
            room = served.writer.write(MUCH)
            assert room is not None
            waiting = asyncio.ensure_future(room)
            await asyncio.sleep(0)
            assert not waiting.done()
            read = 0
            while not waiting.done():
                read += len(await client.receive())
            assert served.writer.write([b"more"]) is None

    async def test_waiting_for_room_ends_when_the_client_is_gone(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            room = served.writer.write(MUCH)
            assert room is not None
            client.reset()
            async with asyncio.timeout(WAIT_SECONDS):
                await room
            await until(lambda: served.is_over)


class TestClientsThatDoNotRead:
    """To close a transport is to wait until its client has read everything: for ever, with these clients."""

    async def test_pings_detect_and_drop_it(self) -> None:
        async with (
            running_server(ws_ping_interval=0.05, ws_ping_timeout=0.05) as server,
            server.opened_without_reading() as (served, _),
        ):
            assert served.writer.write(MUCH) is not None
            await until(lambda: served.is_over)
            assert not server.server.server_state.connections

    async def test_it_is_cut_off_some_time_after_its_api_has_closed_it(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, _):
            served.protocol.close_timeout = 0.05
            # So much that there is a rest, and so little that the close is not kept waiting for room.
            while not served.protocol.transport.get_write_buffer_size():
                assert served.writer.write([b"x" * 1000]) is None
            await served.writer.close(4000, "")
            await until(lambda: served.protocol.disconnected)
            assert not server.server.server_state.connections

    async def test_it_is_cut_off_some_time_after_it_has_closed_without_reading(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            served.protocol.close_timeout = 0.05
            served.writer.write(MUCH)
            await client.send(masked(0x8, b"\x03\xe8"))
            await until(lambda: served.protocol.disconnected)
            assert not server.server.server_state.connections

    @pytest.mark.parametrize("end", ["close", "nonsense", "eof"])
    async def test_waiting_for_room_ends_when_the_socket_closes(
        self, server: SocketServer, end: str
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            room = served.writer.write(MUCH)
            assert room is not None
            if end == "eof":
                client.connection.shutdown(socket.SHUT_WR)
            else:
                await client.send(masked(0x8, b"\x03\xe8") if end == "close" else masked(0x5, b""))
            async with asyncio.timeout(WAIT_SECONDS):
                await room
            await until(lambda: served.is_over)
            assert not served.protocol.disconnected
            assert served.writer.write([b"more"]) is None

    async def test_its_application_learns_of_the_end_in_the_turn_of_its_address(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns: list[Callable[[], None]] = []

        def take_turn(protocol: DirectSocketProtocol, piece: Callable[[], None]) -> bool:
            turns.append(piece)
            return False

        async with server.opened() as (served, client):
            monkeypatch.setattr(DirectSocketProtocol, "_take_turn", take_turn)
            client.transport.abort()
            await until(lambda: served.protocol.disconnected)
            assert not served.is_over
            (turn,) = turns
            turn()
            await until(lambda: served.is_over)

    async def test_it_does_not_keep_the_server_from_stopping(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = inbox_settings().model_copy(update={"drain_seconds": 0.0})
        monkeypatch.setattr(uvicorn_sockets, "inbox_settings", lambda: settings)
        monkeypatch.setattr(uvicorn_sockets, "CLOSE_SECONDS", 0.05)
        async with server.opened_without_reading() as (served, _):
            served.writer.write(MUCH)
            served.protocol.on_shutdown = served.on_shutdown
            served.protocol.shutdown()
            await until(lambda: served.protocol.disconnected)
            assert served.shutdowns == 1
            assert served.is_over

    async def test_one_that_has_closed_does_not_break_the_stop_either(
        self, server: SocketServer
    ) -> None:
        """uvicorn's own class raises InvalidState there, and then no other socket is closed."""
        async with server.opened_without_reading() as (served, _):
            served.writer.write(MUCH)
            served.protocol.data_received(masked(0x8, b"\x03\xe8"))
            served.protocol.shutdown()
            await until(lambda: served.protocol.disconnected)


class Timer:
    """A timer set by `call_later`."""

    def __init__(self, delay: float, callback: Callable[..., Any]) -> None:
        self.delay = delay
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Do not call."""
        self.is_cancelled = True


class Timers:
    """A fake of a protocol's loop: timers fire only when the test calls them."""

    def __init__(self) -> None:
        self.set: list[Timer] = []

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timer:
        """Remember what is to happen."""
        self.set.append(Timer(delay, lambda: callback(*args)))
        return self.set[-1]


@pytest.fixture
def timers() -> Timers:
    """The timers of the protocols that are given them."""
    return Timers()


def give_timers(protocol: DirectSocketProtocol, timers: Timers) -> None:
    """Let a protocol set its timers there."""
    protocol.loop = timers  # type: ignore[assignment]


class TestShutdown:
    async def test_a_socket_without_an_api_is_closed_at_once(
        self, server: SocketServer, timers: Timers
    ) -> None:
        async with server.opened() as (served, client):
            give_timers(served.protocol, timers)
            served.protocol.shutdown()
            assert await closed(client) == (1012, "")
        assert [timer.delay for timer in timers.set] == []

    @pytest.mark.parametrize("connections", [1, 10, 1000, 2500, 100_000])
    async def test_moments_are_spread_over_as_long_as_the_number_of_sockets_asks_for(
        self, server: SocketServer, timers: Timers, connections: int
    ) -> None:
        bound = min(5.0, connections / 500)
        assert (SHUTDOWN_SECONDS, SHUTDOWN_RATE) == (5.0, 500.0)
        async with server.opened() as (served, _):
            protocol = served.protocol
            give_timers(protocol, timers)
            protocol.on_shutdown = served.on_shutdown
            everybody, protocol.connections = protocol.connections, range(connections)  # type: ignore[assignment]
            for _ in range(1000):
                protocol.shutdown()
                protocol._shutdown_timer = None
            protocol.connections = everybody
            delays = [timer.delay for timer in timers.set]
            assert len(delays) == 1000
            assert 0 <= min(delays) < bound / 10
            assert bound * 0.9 < max(delays) <= bound
            assert served.shutdowns == 0

    async def test_the_api_closes_in_its_turn_and_the_server_need_not(
        self, server: SocketServer, timers: Timers
    ) -> None:
        async with server.opened() as (served, client):
            give_timers(served.protocol, timers)
            served.protocol.on_shutdown = served.on_shutdown
            served.protocol.shutdown()
            (turn,) = timers.set
            assert turn.delay <= 1 / SHUTDOWN_RATE
            turn.callback()
            assert served.shutdowns == 1
            forced = timers.set[1]
            assert (inbox_settings().drain_seconds, CLOSE_SECONDS) == (2.0, 1.0)
            assert forced.delay == 3.0
            await served.writer.close(1012, "closed by the API")
            assert await closed(client) == (1012, "closed by the API")
            await until(lambda: served.protocol.disconnected)
            assert forced.is_cancelled

    async def test_the_server_closes_when_the_api_does_not(
        self, server: SocketServer, timers: Timers
    ) -> None:
        async with server.opened() as (served, client):
            give_timers(served.protocol, timers)
            served.protocol.on_shutdown = served.on_shutdown
            served.protocol.shutdown()
            timers.set[0].callback()
            timers.set[1].callback()
            assert await closed(client) == (1012, "")
            await until(lambda: served.is_over)

    async def test_a_second_shutdown_closes_at_once(
        self, server: SocketServer, timers: Timers
    ) -> None:
        async with server.opened() as (served, client):
            give_timers(served.protocol, timers)
            served.protocol.on_shutdown = served.on_shutdown
            served.protocol.shutdown()
            served.protocol.shutdown()
            assert await closed(client) == (1012, "")
            await until(lambda: served.protocol.disconnected)
            assert [timer.is_cancelled for timer in timers.set[:1]] == [True]
            assert served.shutdowns == 0

    async def test_a_socket_whose_client_does_not_answer_the_close_is_closed_at_once(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, _):
            served.protocol.on_shutdown = served.on_shutdown
            await served.writer.close(4403, "")
            assert not served.protocol.transport.is_closing()
            served.protocol.shutdown()
            assert served.protocol.transport.is_closing()
            assert served.shutdowns == 0

    async def test_the_shutdown_callback_is_released_with_the_socket(
        self, server: SocketServer
    ) -> None:
        async with server.opened() as (served, client):
            served.protocol.on_shutdown = served.on_shutdown
            await client.close()
            await until(lambda: served.protocol.disconnected)
            assert served.protocol.on_shutdown is None
