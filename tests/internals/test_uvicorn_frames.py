"""Clients that flood a socket with frames, or break the protocol: what they cost is bounded, and they are closed."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.utils import ClientDisconnected

from live_inbox import metrics
from live_inbox.internals import uvicorn_frames
from live_inbox.internals.uvicorn_frames import FEW_FRAMES, MAX_FRAMES, SLICE
from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
from live_inbox.internals.uvicorn_waiting import MessageQueue
from live_inbox.limits.rate import Meter, RateLimit
from live_inbox.sockets.address_limits import forget_limits
from tests.changed_settings import changed_settings
from tests.sockets.socket_server import (
    OUR_HTTP_CLASS,
    RawClient,
    ServerEnd,
    SocketServer,
    masked,
    raw_client,
    running_server,
)
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

MUCH = [b"x" * 60_000] * 100
"""More than the buffers of the system take for a client that does not read."""

BURST = 200
"""As in the default of SOCKET_RATE. A test sends far more at once, so that its own speed does not matter."""

FLOOD = 20_000

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


@pytest.fixture
async def server() -> AsyncIterator[SocketServer]:
    """A server with our class."""
    async with running_server() as server:
        yield server


def refused(reason: str) -> float:
    """How often a connection was ended for this reason."""
    return float(metrics.CONNECTIONS_REFUSED.labels(reason)._value.get())


async def close_frame(client: RawClient) -> tuple[int, str]:
    """Read to the end of the connection, and return the close frame that came last."""
    frames = server_frames(await client.receive_all())
    opcode, payload = frames[-1]
    assert opcode == CLOSE, frames
    (code,) = struct.unpack("!H", payload[:2])
    return code, payload[2:].decode()


def server_frames(data: bytes) -> list[tuple[int, bytes]]:
    """Parse what a server has sent: opcodes and payloads."""
    frames = []
    while data:
        size, start = data[1], 2
        if size == 126:
            (size,), start = struct.unpack("!H", data[2:4]), 4
        elif size == 127:
            (size,), start = struct.unpack("!Q", data[2:10]), 10
        frames.append((data[0] & 0xF, data[start : start + size]))
        data = data[start + size :]
    return frames


async def send_while_it_lasts(client: RawClient, data: bytes) -> None:
    """Send as much as the server takes before it closes."""
    with suppress(ConnectionResetError, BrokenPipeError):
        await client.send(data)


def unparsed(served: ServerEnd) -> int:
    """How many bytes wait to be parsed."""
    return len(served.protocol._unparsed or b"")


@pytest.fixture
def _limited_addresses() -> Iterator[None]:
    """Let every address be limited, this machine's too."""
    with changed_settings(UNLIMITED_ADDRESSES=["192.0.2.9"]):
        forget_limits()
        yield
    forget_limits()


class TestFloods:
    @pytest.mark.parametrize(
        "frame",
        [
            masked(PING, b""),
            masked(PING, b"x" * 125),
            masked(PONG, b""),
            masked(PONG, b"unsolicited"),
        ],
        ids=["empty ping", "full ping", "empty pong", "pong"],
    )
    async def test_control_frames_count_in_the_rate(
        self, server: SocketServer, frame: bytes
    ) -> None:
        before = refused("frame_rate")
        async with server.opened_without_reading() as (served, client):
            sending = asyncio.create_task(send_while_it_lasts(client, frame * FLOOD))
            assert await close_frame(client) == (1008, "Too many frames")
            await until(lambda: served.is_over)
            await sending
        assert refused("frame_rate") - before == 1

    async def test_the_api_chooses_the_close_code(self, server: SocketServer) -> None:
        async with server.opened_without_reading() as (served, client):
            served.protocol.on_frame_rate = lambda: (1013, "Try again later")
            await send_while_it_lasts(client, masked(PING, b"") * 1000)
            assert await close_frame(client) == (1013, "Try again later")
            await until(lambda: served.is_over)
            assert served.received[-1]["code"] == 1013

    async def test_pings_within_the_rate_are_answered(self, server: SocketServer) -> None:
        async with server.opened_without_reading() as (served, client):
            for number in range(BURST // 2):
                await client.send(masked(PING, b"%d" % number))
            answers = b""
            while len(server_frames(answers)) < BURST // 2:
                answers += await client.receive()
            expected = [(PONG, b"%d" % number) for number in range(BURST // 2)]
            assert server_frames(answers) == expected
            assert not served.is_over

    async def test_the_answers_to_the_servers_pings_are_free(self) -> None:
        async with (
            running_server(ws_ping_interval=0.001, ws_ping_timeout=60) as server,
            server.opened() as (served, _),
        ):
            served.protocol._frame_meter = Meter(RateLimit(1, 86_400, 1))
            for _ in range(20):
                payload = served.protocol.pending_ping_payload
                await until(lambda: served.protocol.pending_ping_payload not in (None, payload))  # noqa: B023
            assert not served.is_over

    async def test_fragments_count_in_the_rate(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        message = (
            masked(TEXT, b"a", is_final=False) + masked(CONTINUATION, b"b", is_final=False) * 98
        )
        async with server.opened_without_reading() as (served, client):
            await send_while_it_lasts(client, (message + masked(CONTINUATION, b"c")) * 50)
            assert await close_frame(client) == (1008, "Too many frames")
            await until(lambda: served.is_over)

    async def test_one_message_has_a_limit_of_frames(self, server: SocketServer) -> None:
        before = refused("too_many_frames")
        async with server.opened_without_reading() as (served, client):
            fragments = masked(CONTINUATION, b"", is_final=False) * FLOOD
            sending = asyncio.create_task(
                send_while_it_lasts(client, masked(TEXT, b"", is_final=False) + fragments)
            )
            assert await close_frame(client) == (1009, "Too many frames in a message")
            await until(lambda: served.is_over)
            assert served.protocol.frames == []
            await sending
        assert refused("too_many_frames") - before == 1

    async def test_a_message_of_as_many_frames_as_allowed_arrives(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            fragments = masked(CONTINUATION, "ü".encode(), is_final=False) * (MAX_FRAMES - 2)
            await client.send(
                masked(TEXT, b"a", is_final=False) + fragments + masked(CONTINUATION, b"z")
            )
            await until(lambda: bool(served.received))
            assert served.received[0]["text"] == "a" + "ü" * (MAX_FRAMES - 2) + "z"

    async def test_messages_that_come_at_once_are_parsed_as_the_application_takes_them(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        longest = 0
        put = MessageQueue.put_nowait

        def note(queue: MessageQueue, message: Any) -> None:
            nonlocal longest
            put(queue, message)
            longest = max(longest, len(queue._messages))

        monkeypatch.setattr(MessageQueue, "put_nowait", note)
        async with server.opened_without_reading() as (served, client):
            texts = [str(number) for number in range(FLOOD)]
            await client.send(b"".join(masked(TEXT, text.encode()) for text in texts))
            await until(lambda: len(served.received) == FLOOD)
            assert [message["text"] for message in served.received] == texts
            assert 0 < longest <= SLICE // 6

    async def test_the_loop_goes_round_between_frames(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the rate allows a flood, it is parsed in turns."""
        monkeypatch.setattr(uvicorn_frames, "_rate", lambda _: RateLimit(10**6, 1, 10**6))
        async with server.opened_without_reading() as (served, client):
            # A pong needs no answer, which this client would have to read.
            served.protocol.data_received(masked(PONG, b"") * FLOOD)
            turns = 0
            while left := unparsed(served):
                await asyncio.sleep(0)
                assert left - unparsed(served) <= 3 * SLICE
                turns += 1
            assert turns > FLOOD // 1000
            await client.send_text("still here")
            await until(lambda: bool(served.received))

    @pytest.mark.usefixtures("_limited_addresses")
    async def test_sockets_that_are_flooded_are_parsed_one_after_the_other(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uvicorn_frames, "_rate", lambda _: RateLimit(10**6, 1, 10**6))
        async with (
            server.opened_without_reading() as (first, _),
            server.opened_without_reading() as (second, _),
        ):
            for served in (first, second):
                served.protocol.data_received(masked(PONG, b"") * FLOOD)
            ahead = 0
            while left := unparsed(first) + unparsed(second):
                await asyncio.sleep(0)
                assert left - unparsed(first) - unparsed(second) <= SLICE
                ahead = max(ahead, abs(unparsed(first) - unparsed(second)))
            assert ahead <= 2 * SLICE

    @pytest.mark.usefixtures("_limited_addresses")
    async def test_after_many_frames_in_a_short_read_all_reads_take_turns(
        self, server: SocketServer
    ) -> None:
        async with (
            server.opened_without_reading() as (first, _),
            server.opened_without_reading() as (second, _),
        ):
            sockets = (first.protocol, second.protocol)
            for protocol in sockets:
                protocol.data_received(masked(PONG, b"") * FEW_FRAMES)
                assert not protocol._takes_turns
                protocol.data_received(masked(PONG, b"") * (FEW_FRAMES + 1))
                assert protocol._takes_turns
            for protocol in sockets:
                protocol.data_received(masked(PONG, b""))
            assert [protocol._unparsed is None for protocol in sockets] == [True, False]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert second.protocol._unparsed is None


class TestClientsThatDoNotRead:
    async def test_only_the_last_ping_is_remembered_and_answered(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            served.writer.write(MUCH)
            protocol = served.protocol
            buffered = protocol.transport.get_write_buffer_size()
            for number in range(100):
                protocol.data_received(masked(PING, b"%d" % number))
                assert protocol.transport.get_write_buffer_size() <= buffered
            await until(lambda: protocol._held_pong is not None)
            received = b""
            while not received.endswith(b"\x8a\x0299"):
                received += await client.receive()
            opcodes = [opcode for opcode, _ in server_frames(received)]
            assert opcodes == [TEXT] * len(MUCH) + [PONG]

    async def test_a_ping_flood_is_cut_off_with_what_it_has_buffered(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uvicorn_frames, "LINGER_SECONDS", 0.05)
        async with server.opened_without_reading() as (served, client):
            served.writer.write(MUCH)
            buffered = served.protocol.transport.get_write_buffer_size()
            await send_while_it_lasts(client, masked(PING, b"x" * 125) * FLOOD)
            await until(lambda: served.is_over)
            assert served.protocol.transport.get_write_buffer_size() <= buffered + 127 * BURST
            await until(lambda: served.protocol.disconnected)
            assert not server.server.server_state.connections

    async def test_a_flood_after_the_close_is_cut_off(
        self, server: SocketServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = refused("frame_rate")
        async with server.opened_without_reading() as (served, client):
            await served.writer.close(4000, "enough")
            await send_while_it_lasts(client, masked(TEXT, b"late") * FLOOD)
            assert await close_frame(client) == (4000, "enough")
            await until(lambda: served.protocol.disconnected)
        assert refused("frame_rate") - before == 1

    async def test_the_answer_to_the_close_is_found_behind_messages(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            await served.writer.close(4000, "enough")
            await client.send(masked(TEXT, b"x" * 100) * 50 + masked(CLOSE, b"\x0f\xa0"))
            await until(lambda: served.protocol.disconnected)


class TestBrokenFrames:
    """The close code is that of RFC 6455, and nothing is logged with a traceback."""

    @pytest.mark.parametrize(
        ("frame", "code", "reason"),
        [
            (masked(0x3, b""), 1002, "protocol_error"),
            (masked(TEXT, b"x", reserved=0x40), 1002, "protocol_error"),
            (masked(PING, b"", is_final=False), 1002, "protocol_error"),
            (masked(PING, b"x" * 126), 1002, "protocol_error"),
            (b"\x81\x01x", 1002, "protocol_error"),
            (masked(CONTINUATION, b"x"), 1002, "protocol_error"),
            (masked(TEXT, b"", is_final=False) * 2, 1002, "protocol_error"),
            (masked(CLOSE, b"\x03"), 1002, "protocol_error"),
            (masked(TEXT, b"\xff"), 1007, "protocol_error"),
            (masked(CLOSE, b"\x03\xe8\xff"), 1007, "protocol_error"),
            (b"\x81\xff" + bytes(3) + b"\xff" + bytes(8), 1009, "message_too_big"),
        ],
    )
    async def test_each_is_closed_and_counted(
        self,
        server: SocketServer,
        caplog: pytest.LogCaptureFixture,
        frame: bytes,
        code: int,
        reason: str,
    ) -> None:
        before = refused(reason)
        async with server.opened() as (healthy, beside):
            async with server.opened_without_reading() as (served, client):
                # What follows is dropped, and does not reset the connection before the close frame is read.
                await client.send(frame + masked(TEXT, b"x" * 100) * 1000)
                assert (await close_frame(client))[0] == code
                await until(lambda: served.is_over)
                assert served.received[-1]["code"] == code
            healthy.writer.write([b"unharmed"])
            assert await beside.recv() == "unharmed"
        assert refused(reason) - before == 1
        assert caplog.records == []

    @pytest.mark.parametrize(
        "fragments",
        [
            masked(TEXT, b"a\xf4", is_final=False) + masked(CONTINUATION, b"\x90", is_final=False),
            masked(TEXT, b"\xed\xa0\x80", is_final=False),
            masked(TEXT, b"\xe2\x82", is_final=False) + masked(CONTINUATION, b""),
        ],
    )
    async def test_text_is_refused_with_the_first_fragment_that_is_wrong(
        self, server: SocketServer, fragments: bytes
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            await client.send(fragments)
            assert await close_frame(client) == (1007, "Invalid UTF-8")
            await until(lambda: served.is_over)

    async def test_fragments_of_binary_messages_are_not_read_as_text(
        self, server: SocketServer
    ) -> None:
        async with server.opened_without_reading() as (served, client):
            text = masked(TEXT, b"\xe2\x82", is_final=False) + masked(CONTINUATION, b"\xac")
            data = masked(BINARY, b"\xff", is_final=False) + masked(CONTINUATION, b"\xff")
            await client.send(text + data)
            await until(lambda: len(served.received) == 2)
            assert served.received[0]["text"] == "€"
            assert served.received[1]["bytes"] == b"\xff\xff"

    @pytest.mark.parametrize("payload", [b"", b"\x03\xe8done"])
    async def test_a_client_may_close_in_the_middle_of_a_message(
        self, server: SocketServer, payload: bytes
    ) -> None:
        before = refused("protocol_error")
        async with server.opened_without_reading() as (served, client):
            await client.send(masked(TEXT, b"half", is_final=False) + masked(CLOSE, payload))
            assert server_frames(await client.receive_all()) == [(CLOSE, payload)]
            await until(lambda: served.is_over)
            assert served.received[-1]["code"] == (1000 if payload else 1005)
        assert refused("protocol_error") == before

    @pytest.mark.parametrize("size", [1, 5000])
    async def test_frames_that_come_with_the_handshake_wait_for_the_acceptance(
        self, size: int
    ) -> None:
        frames = masked(PING, b"early") + masked(TEXT, b"x" * size) + masked(CLOSE, b"\x03\xe8")
        async with (
            running_server(http=OUR_HTTP_CLASS) as server,
            raw_client(server.port) as client,
        ):
            await client.handshake("/", after=frames)
            received = server_frames(await client.receive_all())
            assert received == [(PONG, b"early"), (CLOSE, b"\x03\xe8")]
            served = await server.served.get()
            await until(lambda: served.is_over)
            assert served.received[0]["text"] == "x" * size

    async def test_broken_frames_that_come_with_the_handshake(self) -> None:
        async with (
            running_server(http=OUR_HTTP_CLASS) as server,
            raw_client(server.port) as client,
        ):
            await client.handshake("/", after=masked(0x3, b""))
            assert (await close_frame(client))[0] == 1002

    @pytest.mark.parametrize(
        "headers",
        ["".join(f"X-{n}: y\r\n" for n in range(200)), "X: " + "y" * 9000 + "\r\n"],
        ids=["many", "long"],
    )
    async def test_a_handshake_that_websockets_refuses_to_parse_is_answered(
        self, server: SocketServer, headers: str
    ) -> None:
        before = refused("handshake")
        async with raw_client(server.port) as client:
            with pytest.raises(AssertionError, match="400 Bad Request"):
                await client.handshake("/", headers=headers)
            await client.receive_all()
            await until(lambda: not server.server.server_state.connections)
        assert refused("handshake") - before == 1

    async def test_many_subprotocols_are_offered(self, server: SocketServer) -> None:
        async with raw_client(server.port) as client:
            await client.handshake("/", subprotocol=", ".join(f"p{n}" for n in range(1000)))
            assert len((await server.served.get()).scope["subprotocols"]) == 1000


MESSAGES = st.lists(st.text(max_size=2000), max_size=20)


@settings(max_examples=30)
@given(MESSAGES, st.lists(st.integers(1, 4000), min_size=1, max_size=8), st.data())
async def test_messages_arrive_whole_however_they_are_cut(
    texts: list[str], cuts: list[int], data: st.DataObject
) -> None:
    """However the bytes come, in reads or fragments, with pings in between."""
    sent = b""
    for text in texts:
        payload = json.dumps(text).encode()
        at = data.draw(st.integers(0, len(payload)))
        if data.draw(st.booleans()):
            sent += masked(TEXT, payload[:at], is_final=False) + masked(PING, b"p")
            sent += masked(CONTINUATION, payload[at:])
        else:
            sent += masked(TEXT, payload)
    async with running_server() as server, server.opened_without_reading() as (served, _):
        position, turn = 0, 0
        while position < len(sent):
            size = cuts[turn % len(cuts)]
            served.protocol.data_received(sent[position : position + size])
            position, turn = position + size, turn + 1
        await until(lambda: len(served.received) == len(texts))
        assert [json.loads(message["text"]) for message in served.received] == texts
        assert not served.is_over


async def test_an_application_that_writes_to_a_refused_client_is_told_that_it_has_gone(
    server: SocketServer,
) -> None:
    async with server.opened_without_reading() as (served, client):
        await client.send(masked(0x3, b""))
        await until(lambda: served.is_over)
        with pytest.raises(ClientDisconnected):
            await served.send({"type": "websocket.send", "text": "late"})
        assert served.writer.write([b"late"]) is None


async def test_nothing_is_logged_for_clients_that_leave_before_the_acceptance(
    server: SocketServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    received = DirectSocketProtocol.receive
    left: list[DirectSocketProtocol] = []

    async def receive_and_leave(protocol: DirectSocketProtocol) -> Any:
        message = await received(protocol)
        # As when its end is read, in the turn of the event loop in which the application accepts it.
        if message["type"] == "websocket.connect":
            protocol.eof_received()
            protocol.transport.close()
            left.append(protocol)
        return message

    monkeypatch.setattr(DirectSocketProtocol, "receive", receive_and_leave)
    caplog.clear()
    async with raw_client(server.port) as client:
        await client.send(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
        assert await client.receive_all() == b""
        await until(lambda: bool(left) and left[0].disconnected)
        await until(lambda: not server.server.server_state.tasks)
    assert [record.getMessage() for record in caplog.records] == []
