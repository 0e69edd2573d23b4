"""A real server whose application does nothing by itself: a test has both ends of each socket."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
from live_inbox.sockets.writer import SocketWriter, direct_socket, writer_for
from tests.waiting import until

OUR_CLASS = "live_inbox.sockets.server_protocol:socket_protocol"
OUR_HTTP_CLASS = "live_inbox.sockets.server_protocol:http_protocol"
PLAIN_CLASS = "websockets-sansio"

WAIT_SECONDS = 20.0
"""How long a test waits for what must happen. A test only fails by it."""


class ServerEnd:
    """The server's end of one socket."""

    def __init__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.scope = scope
        self.send = send
        self.writer: SocketWriter = writer_for(scope, send)
        self.received: list[MutableMapping[str, Any]] = []
        self.shutdowns = 0
        # The scope has it as long as the connection is there.
        self._direct = direct_socket(scope)
        self._receive = receive

    @property
    def protocol(self) -> DirectSocketProtocol:
        """The server's own protocol object, where the server offers it."""
        assert isinstance(self._direct, DirectSocketProtocol)
        return self._direct

    @property
    def is_over(self) -> bool:
        """Whether the application has received the disconnect."""
        return bool(self.received) and self.received[-1]["type"] == "websocket.disconnect"

    def on_shutdown(self) -> None:
        """Count a call of `on_shutdown`."""
        self.shutdowns += 1

    async def serve(self) -> None:
        """Read until the socket is gone."""
        while not self.is_over:
            self.received.append(await self._receive())


class SocketServer:
    """A server and its sockets."""

    def __init__(self, server: uvicorn.Server) -> None:
        self.server = server
        self.served: asyncio.Queue[ServerEnd] = asyncio.Queue()

    @property
    def port(self) -> int:
        """The port that the system has chosen."""
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[ServerEnd, ClientConnection]]:
        """Open a socket; both of its ends."""
        address = f"ws://127.0.0.1:{self.port}/"
        async with connect(address, compression=None, max_size=None) as client:
            yield await self.served.get(), client

    @asynccontextmanager
    async def opened_without_reading(self) -> AsyncIterator[tuple[ServerEnd, RawClient]]:
        """Open a socket whose client reads only when the test says so."""
        async with raw_client(self.port) as client:
            await client.handshake("/")
            yield await self.served.get(), client


@asynccontextmanager
async def running_server(
    socket_class: str = OUR_CLASS, **options: Any
) -> AsyncIterator[SocketServer]:
    """Serve while in the block."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        served = ServerEnd(scope, receive, send)
        sockets.served.put_nowait(served)
        await served.serve()

    settings = uvicorn.Config(
        application,
        port=0,
        ws=socket_class,
        lifespan="off",
        log_config=None,
        ws_per_message_deflate=False,
        **options,
    )
    settings.load()
    server = uvicorn.Server(settings)
    server.lifespan = settings.lifespan_class(settings)
    await server.startup()
    sockets = SocketServer(server)
    try:
        yield sockets
    finally:
        for listener in server.servers:
            listener.close()
        for connection in tuple(server.server_state.connections):
            connection.transport.abort()
        await until(lambda: not server.server_state.tasks and not server.server_state.connections)


class RawClient:
    """A client without a WebSocket library, which can break the protocol."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._loop = asyncio.get_running_loop()

    async def handshake(
        self, path: str, *, subprotocol: str = "", headers: str = "", after: bytes = b""
    ) -> None:
        """Open the WebSocket, reading the answer to its last byte and nothing of what follows.

        `after` is sent together with the handshake.
        """
        key = base64.b64encode(bytes(16)).decode()
        offer = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        await self.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offer}{headers}\r\n".encode()
            + after
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await self.receive(1)
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self._loop.sock_sendall(self.connection, data)

    async def send_text(self, text: str) -> None:
        """Send a text message."""
        await self.send(masked(0x1, text.encode()))

    async def receive(self, at_most: int = 65_536) -> bytes:
        """Read some bytes; none at the end."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._loop.sock_recv(self.connection, at_most)

    async def receive_all(self) -> bytes:
        """Read to the end."""
        received = b""
        while part := await self.receive():
            received += part
        return received

    def reset(self) -> None:
        """Close without a close frame: the other side gets a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


@asynccontextmanager
async def raw_client(port: int, *, buffer_bytes: int = 4096) -> AsyncIterator[RawClient]:
    """Connect to a port of this machine, with little room for what is not read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        yield RawClient(connection)


def masked(opcode: int, payload: bytes, *, is_final: bool = True, reserved: int = 0) -> bytes:
    """Return a frame as a client sends it. The mask is zero: the payload stays as it is."""
    first = (0x80 if is_final else 0) | reserved | opcode
    if len(payload) < 126:
        length = struct.pack("!B", 0x80 | len(payload))
    else:
        length = struct.pack("!BH", 0x80 | 126, len(payload))
    return bytes((first,)) + length + bytes(4) + payload
