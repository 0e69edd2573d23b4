"""The client understands what servers send, however the network cuts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from benchmarks.client_protocols import (
    ClientProtocol,
    GraphQLClientProtocol,
    Refused,
    SocketIOClientProtocol,
)
from benchmarks.content import SUBSCRIPTION, event, sequence_in, title
from benchmarks.delivery_counter import Counts, DeliveryCounter, Receiver, Stream
from benchmarks.frames import frame, read_frame
from benchmarks.sockets import Socket, open_sockets
from tests.stacks.ports import LOOPBACK

pytestmark = pytest.mark.stack("embedded")


def server_frame(payload: bytes) -> bytes:
    """Return a frame as servers send it: like a client's, but not masked."""
    sent = bytearray(frame(payload))
    begin = len(sent) - len(payload)
    sent[1] &= 0x7F
    del sent[begin - 4 : begin]
    return bytes(sent)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_of_any_size_is_read(size: int) -> None:
    data = b"before" + server_frame(b"x" * size)
    found = read_frame(data, 6)
    assert found == (0x81, len(data) - size, len(data))
    assert all(read_frame(data[:end], 6) is None for end in range(6, min(len(data), 20)))


def test_the_number_of_an_event_is_found_in_its_json() -> None:
    assert sequence_in(json.dumps(event(4711)).encode()) == 4711
    assert sequence_in(b'{"type":"ping"}') is None
    assert title(7) == "Invoice paid seq=000000007"


@given(st.lists(st.integers(1, 300), max_size=40))
def test_events_are_counted_however_they_are_cut(cuts: list[int]) -> None:
    async def receive() -> Counts:
        delivery_counter, stream = DeliveryCounter(), Stream()
        socket = Socket("host", ClientProtocol("/"), Receiver(delivery_counter, stream))
        data = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + server_frame(b"\xc2\xa0hello")
        for _ in range(5):
            text = json.dumps(event(stream.publish(0.0)))
            data += server_frame(text.encode())
        for size in cuts:
            piece, data = data[:size], data[size:]
            socket.data_received(piece)
        socket.data_received(data)
        assert socket.ready.done()
        return delivery_counter.counts()

    assert asyncio.run(receive()) == Counts(delivered=5, lost=0, doubled=0, disordered=0)


@asynccontextmanager
async def graphql_server(*, accepts: bool) -> AsyncIterator[Server]:
    """Run a server of graphql-transport-ws that has one subscription and sends its event twice."""

    async def handle(connection: ServerConnection) -> None:
        assert json.loads(await connection.recv()) == {
            "type": "connection_init",
            "payload": {"token": "secret"},
        }
        if not accepts:
            await connection.close(4403, "Forbidden")
            return
        await connection.send('{"type":"connection_ack"}')
        asked = json.loads(await connection.recv())
        assert asked["payload"] == {"query": SUBSCRIPTION, "variables": {}}
        assert json.loads(await connection.recv()) == {"type": "ping"}
        await connection.send('{"type":"ping"}')
        await connection.send('{"type":"pong"}')
        assert json.loads(await connection.recv()) == {"type": "pong"}
        for sequence in (1, 1, 2):
            await connection.send(json.dumps(event(sequence)))
        await connection.wait_closed()

    transport = Subprotocol("graphql-transport-ws")
    async with serve(handle, LOOPBACK, 0, subprotocols=[transport]) as server:
        yield server


def port_of(server: Server) -> tuple[str, int]:
    """Return where a server listens."""
    return LOOPBACK, next(iter(server.sockets)).getsockname()[1]


async def test_a_socket_subscribes_as_the_protocol_wants_it() -> None:
    delivery_counter, stream = DeliveryCounter(), Stream()
    stream.publish(0.0)
    stream.publish(0.0)
    receiver = Receiver(delivery_counter, stream)
    receiver.expected = 1
    arrived = asyncio.Event()
    delivery_counter.wake_at, delivery_counter.wake = 2, arrived.set
    async with graphql_server(accepts=True) as server:
        client_protocol = GraphQLClientProtocol("/graphql/", {"token": "secret"})
        (socket,) = await open_sockets(port_of(server), [(client_protocol, receiver)])
        async with asyncio.timeout(20):
            await arrived.wait()
        assert socket.is_connected
        socket.close()
    assert delivery_counter.counts() == Counts(delivered=2, lost=0, doubled=1, disordered=0)


async def test_a_socket_that_is_refused_reports_it() -> None:
    async with graphql_server(accepts=False) as server:
        client_protocol = GraphQLClientProtocol("/graphql/", {"token": "secret"})
        with pytest.raises(ExceptionGroup) as raised:
            await open_sockets(
                port_of(server), [(client_protocol, Receiver(DeliveryCounter(), Stream()))]
            )
    (refused,) = raised.value.exceptions
    assert isinstance(refused, Refused)
    assert "Forbidden" in str(refused)


def test_a_position_is_given_as_a_variable() -> None:
    client_protocol = GraphQLClientProtocol("/graphql/", {}, after="0123456789ab.7")
    subscribe, ping = client_protocol.on_message(b'{"type":"connection_ack"}')
    payload = json.loads(subscribe)["payload"]
    assert payload["variables"] == {"after": "0123456789ab.7"}
    assert payload["query"].startswith(
        "subscription Events($after: String) { notificationEvents(after: $after) {"
    )
    assert ping == b'{"type":"ping"}'


def test_an_error_is_no_subscription() -> None:
    with pytest.raises(Refused, match="no such field"):
        GraphQLClientProtocol("/graphql/", {}).on_message(
            b'{"type":"error","payload":"no such field"}'
        )


def test_socket_io_joins_and_answers_pings() -> None:
    client_protocol = SocketIOClientProtocol("/socket.io/")
    assert (
        client_protocol.on_open(),
        client_protocol.on_message(b'0{"sid":"1"}'),
        client_protocol.is_ready,
    ) == (
        [],
        [b"40"],
        False,
    )
    assert (client_protocol.on_message(b'40{"sid":"2"}'), client_protocol.is_ready) == ([], True)
    assert client_protocol.on_message(b"2") == [b"3"]
