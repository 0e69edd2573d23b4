"""Direct writing of streams: only where what the application sends arrives at the connection as it is."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn

from live_inbox.internals.uvicorn_streams import DirectBody
from live_inbox.sockets.asgi import STREAMING, Application, Message, Scope
from tests.sockets.socket_server import OUR_HTTP_CLASS, raw_client
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

FIRST = b":\n\n"
HEADERS = [(b"content-type", b"text/event-stream")]

Wrapper = Callable[[Application], Application]


class StreamingApplication:
    """Streams two parts after the first: directly where that is possible, else by ASGI."""

    def __init__(self) -> None:
        self.direct: DirectBody | None = None
        self.stopped = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        streaming = scope[STREAMING]
        streaming.begin_stream(self.stopped.set)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send(part(FIRST))
        self.direct = streaming.direct_body(FIRST)
        if self.direct is None:
            await send(part(b"one"))
            await send(part(b"two"))
        else:
            assert self.direct.write([b"one"]) is None
            assert self.direct.write([b"two"]) is None
            self.direct.flush()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        streaming.end_stream()


def part(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


def unchanged(application: Application) -> Application:
    """Add a header, and pass everything on."""

    async def wrapped(scope: Scope, receive: Any, send: Any) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-more", b"1")]}
            await send(message)

        await application(dict(scope), receive, sending)

    return wrapped


def compressed(application: Application) -> Application:
    """Compress the body, as middleware does: the header waits for the first part."""

    async def wrapped(scope: Scope, receive: Any, send: Any) -> None:
        compressor = zlib.compressobj(wbits=31)
        start: Message = {}

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start:
                coded = [*start["headers"], (b"content-encoding", b"gzip")]
                await send({**start, "headers": coded})
                start = {}
            body = compressor.compress(message["body"])
            if not message["more_body"]:
                body += compressor.flush()
            await send({**message, "body": body})

        await application(scope, receive, sending)

    return wrapped


def shouted(application: Application) -> Application:
    """Change the body, and no header."""

    async def wrapped(scope: Scope, receive: Any, send: Any) -> None:
        async def sending(message: Message) -> None:
            if "body" in message:
                message = {**message, "body": message["body"].replace(b":", b"!")}
            await send(message)

        await application(scope, receive, sending)

    return wrapped


async def answer(application: Application) -> bytes:
    """Return all that a client reads."""
    config = uvicorn.Config(
        application, port=0, interface="asgi3", http=OUR_HTTP_CLASS, lifespan="off", log_config=None
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        async with raw_client(server.servers[0].sockets[0].getsockname()[1]) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            received = b""
            # The server closes the connection after a stream.
            while got := await client.receive():
                received += got
    finally:
        for listener in server.servers:
            listener.close()
        await until(lambda: not server.server_state.tasks)
    return received


@pytest.mark.parametrize(
    ("wrapper", "is_direct", "body"),
    [
        (None, True, b"3\r\n:\n\n\r\n6\r\nonetwo\r\n0\r\n\r\n"),
        (unchanged, True, b"3\r\n:\n\n\r\n6\r\nonetwo\r\n0\r\n\r\n"),
        (compressed, False, None),
        (shouted, False, b"3\r\n!\n\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
    ],
)
async def test_direct_writing(wrapper: Wrapper | None, is_direct: bool, body: bytes | None) -> None:
    application = StreamingApplication()
    received = await answer(application if wrapper is None else wrapper(application))
    header, _, rest = received.partition(b"\r\n\r\n")
    assert (application.direct is not None) is is_direct
    assert (b"x-more: 1" in header) is (wrapper is unchanged)
    if body is None:
        coded = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            coded, rest = coded + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        assert zlib.decompress(coded, wbits=31) == FIRST + b"onetwo"
    else:
        assert rest == body
