"""Clients that do not finish a request, or do not read its response: how long and how much of it is bounded."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from live_inbox import metrics
from live_inbox.faults import Fault
from live_inbox.internals import uvicorn_requests
from live_inbox.internals.uvicorn_header_writes import HeaderWithBody
from live_inbox.sockets import server_protocol
from live_inbox.sockets.open_files import ConnectionLimit, most_connections
from tests.changed_settings import changed_settings
from tests.sockets.socket_server import (
    OUR_CLASS,
    OUR_HTTP_CLASS,
    PLAIN_CLASS,
    RawClient,
    raw_client,
)
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SOON = 0.05
"""In place of the deadlines. A test that expects one waits for it, however long the machine takes."""

NEVER = 3600.0


class HttpServer:
    """A server whose application reads the body and answers with its length, or with what the test has set."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.part: int | None = None
        """How many bytes of the answer are sent at a time; all, unless this is set."""
        self.bodies: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] = []
        """Of the last request, as the application finds them after its body."""
        self.disconnects = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.server: uvicorn.Server

    @property
    def port(self) -> int:
        """The port that the system has chosen."""
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> set[Any]:
        """What is open."""
        return self.server.server_state.connections

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request."""
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                return
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        self.headers = list(scope["headers"])
        await self.may_answer.wait()
        answer = b"%d" % len(body) if self.answer is None else self.answer
        length = str(len(answer)).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        part = self.part or max(1, len(answer))
        for begin in range(0, len(answer) or 1, part):
            more = begin + part < len(answer)
            body = answer[begin : begin + part]
            await send({"type": "http.response.body", "body": body, "more_body": more})


@asynccontextmanager
async def http_server(**options: Any) -> AsyncIterator[HttpServer]:
    """Serve with our class while in the block."""
    serving = HttpServer()
    config = uvicorn.Config(
        serving.application,
        port=0,
        interface="asgi3",
        http=OUR_HTTP_CLASS,
        lifespan="off",
        log_config=None,
        **{"timeout_keep_alive": NEVER, **options},
    )
    config.load()
    serving.server = uvicorn.Server(config)
    serving.server.lifespan = config.lifespan_class(config)
    await serving.server.startup()
    try:
        yield serving
    finally:
        for listener in serving.server.servers:
            listener.close()
        for connection in tuple(serving.connections):
            connection.transport.abort()
        await until(lambda: not serving.server.server_state.tasks and not serving.connections)


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all deadlines be short."""
    for name in ("HEADER_SECONDS", "BODY_SECONDS", "WRITE_SECONDS"):
        monkeypatch.setattr(uvicorn_requests, name, SOON)


def refused(reason: str) -> float:
    """How often a connection was ended for this reason."""
    return float(metrics.CONNECTIONS_REFUSED.labels(reason)._value.get())


def error_of(answer: bytes) -> tuple[int, str]:
    """Return the status and the code of a refusal, which has no other form than this one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert fields[b"content-type"] == b"application/json; charset=utf-8"
    assert int(fields[b"content-length"]) == len(body)
    assert fields[b"connection"] == b"close"
    (error,) = json.loads(body)["errors"]
    assert error["message"]
    return int(head[9:12]), error["extensions"]["code"]


async def trickle(client: RawClient, data: bytes) -> None:
    """Send a byte at a time for as long as the server takes them, and never the end."""
    while True:
        for byte in data:
            try:
                await client.send(bytes((byte,)))
            except (ConnectionResetError, BrokenPipeError):
                return
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("_soon")
class TestDeadlines:
    async def test_a_connection_without_a_request_is_closed(self) -> None:
        before = refused("request_timeout")
        async with http_server() as server, raw_client(server.port) as client:
            assert await client.receive_all() == b""
            await until(lambda: not server.connections)
        assert refused("request_timeout") - before == 1

    @pytest.mark.parametrize(
        "start",
        [
            b"GET / HTTP/1.1\r\nX-Slow: ",
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ",
        ],
        ids=["http", "websocket"],
    )
    async def test_bytes_that_trickle_in_do_not_extend_the_time_for_a_header(
        self, start: bytes
    ) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(start)
            sending = asyncio.create_task(trickle(client, b"x"))
            assert (await client.receive()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            await until(lambda: not server.connections)
            await sending
            assert server.bodies == []

    async def test_nor_do_empty_lines_after_a_request(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(REQUEST)
            assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
            sending = asyncio.create_task(trickle(client, b"\r\n"))
            await until(lambda: not server.connections)
            await sending

    async def test_nor_does_the_first_byte_of_a_next_request(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(REQUEST)
            assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
            await client.send(b"G")
            assert b" 408 " in await client.receive_all()
            await until(lambda: not server.connections)

    async def test_a_response_in_progress_is_finished_and_is_the_last(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            server.may_answer.clear()
            await client.send(REQUEST + b"GET")
            await until(lambda: len(server.bodies) == 1)
            (connection,) = server.connections
            await until(lambda: not connection.cycle.keep_alive)
            server.may_answer.set()
            answer = await client.receive_all()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert answer.endswith(b"\r\n\r\n0")

    async def test_a_body_that_trickles_in_is_refused(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            sending = asyncio.create_task(trickle(client, b"x"))
            assert error_of(await client.receive()) == (408, "BAD_REQUEST")
            await until(lambda: server.disconnects == 1)
            await sending

    async def test_a_slow_body_that_keeps_the_rate_arrives(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uvicorn_requests, "BODY_RATE", 0)
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n")
            for _ in range(300):
                await client.send(b"x")
                await asyncio.sleep(0.001)
            assert (await client.receive()).endswith(b"\r\n\r\n300")

    @pytest.mark.parametrize("end", ["keep-alive", "close"])
    async def test_a_response_that_is_not_read_is_cut(self, end: str) -> None:
        before = refused("response_timeout")
        async with http_server() as server, raw_client(server.port) as client:
            server.answer = b"x" * 20_000_000
            await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: %b\r\n\r\n" % end.encode())
            await until(lambda: len(server.bodies) == 1 and not server.connections)
        assert refused("response_timeout") - before == 1


class TestWithinTheLimits:
    async def test_requests_one_after_the_other_and_pipelined(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            for _ in range(3):
                await client.send(REQUEST)
                assert (await client.receive()).endswith(b"\r\n\r\n0")
                (connection,) = server.connections
                assert connection._deadline is None
            await client.send(REQUEST * 3)
            answers = b""
            while answers.count(b"HTTP/1.1 200 ") < 3 or not answers.endswith(b"\r\n\r\n0"):
                answers += await client.receive()
            assert len(server.bodies) == 6

    async def test_a_header_without_a_body_is_written_with_the_end_of_the_response(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not in the next turn of the loop: the answer to what follows, or a refusal, might come before it."""

        class NeverLater(HeaderWithBody):
            def write(self, data: bytes) -> None:
                if self._is_first:
                    self._is_first, self._held = False, data
                else:
                    super().write(data)

        monkeypatch.setattr("live_inbox.internals.uvicorn_requests.HeaderWithBody", NeverLater)
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(REQUEST.replace(b"GET", b"HEAD"))
            assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
            await client.send(b"nonsense\r\n\r\n")
            assert (await client.receive_all()).startswith(b"HTTP/1.1 400 ")

    async def test_a_header_in_pieces(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            for byte in REQUEST:
                await client.send(bytes((byte,)))
            assert (await client.receive()).endswith(b"\r\n\r\n0")
            (connection,) = server.connections
            assert connection._deadline is None

    async def test_a_response_that_is_read_slowly_arrives(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            server.answer = b"x" * 5_000_000
            await client.send(REQUEST)
            received = 0
            while received < len(server.answer):
                received += len(await client.receive())
            await until(lambda: next(iter(server.connections))._write_deadline is None)

    async def test_a_connection_that_was_lost_leaves_no_timer(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(b"GET / HT")
            await until(lambda: bool(server.connections))
            (connection,) = server.connections
            client.reset()
            await until(lambda: not server.connections)
            assert connection._deadline is connection._write_deadline is None


class TestHeaders:
    @pytest.mark.parametrize(
        "start",
        [
            b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)),
            b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n",
            b"GET /" + b"y" * 200_000,
            b"GET / HTTP/1.1\r\n" + b"y" * 200_000,
            b"GET / HTTP/1.1\r\nAccept: " + b"a/b," * 1000 + b"\r\nHost: x\r\n",
            b"POST / HTTP/1.1\r\nContent-type: a/b;" + b"x=y;" * 1000 + b"\r\nHost: x\r\n",
        ],
        ids=["many", "long", "path", "name", "accept", "type"],
    )
    async def test_too_much_of_it_is_refused(self, start: bytes) -> None:
        before = refused("header_too_large")
        async with http_server() as server, raw_client(server.port, buffer_bytes=65_536) as client:
            sending = asyncio.create_task(send_all(client, start))
            assert error_of(await client.receive()) == (431, "BAD_REQUEST")
            await until(lambda: not server.connections)
            await sending
        assert refused("header_too_large") - before == 1

    async def test_nonsense_is_refused(self) -> None:
        before = refused("bad_request")
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(b"\x16\x03\x01 nonsense\r\n\r\n")
            assert error_of(await client.receive_all()) == (400, "BAD_REQUEST")
            await until(lambda: not server.connections)
        assert refused("bad_request") - before == 1


async def send_all(client: RawClient, data: bytes) -> None:
    """Send what the server takes."""
    with suppress(ConnectionResetError, BrokenPipeError):
        await client.send(data)


class TestDescriptors:
    @pytest.mark.parametrize(
        ("files", "connections"),
        [(None, None), (64, 32), (256, 192), (1024, 896), (65_536, 65_280)],
    )
    def test_some_are_kept_for_the_database(
        self, files: int | None, connections: int | None
    ) -> None:
        assert most_connections(files) == connections

    async def test_connections_beyond_the_limit_are_refused_and_later_accepted_again(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        limit = ConnectionLimit(10)
        monkeypatch.setattr(server_protocol, "connection_limit", lambda: limit)
        server_protocol._http_class.cache_clear()
        before = metrics.CONNECTIONS_NOT_ACCEPTED._value.get()
        try:
            async with http_server() as server:
                opened = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
                await until(lambda: len(server.connections) == 10)
                for _ in range(5):
                    async with raw_client(server.port) as client:
                        assert (await client.receive_all()).startswith(b"HTTP/1.1 503 ")
                for each in opened:
                    each.close()
                await until(lambda: not server.connections)
                for _ in range(3):
                    async with raw_client(server.port) as client:
                        await client.send(REQUEST)
                        assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
        finally:
            server_protocol._http_class.cache_clear()
        lines = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert lines == [
            "The acceptance of connections fails: TooManyConnections: 10 are open, as many as the limit of open files "
            "(ulimit -n) allows",
            "The acceptance of connections works again after 5 failures.",
        ]
        assert metrics.CONNECTIONS_NOT_ACCEPTED._value.get() - before == 5

    def test_the_log_does_not_flutter_at_the_limit(self, caplog: pytest.LogCaptureFixture) -> None:
        limit = ConnectionLimit(100)
        assert isinstance(limit._fault, Fault)
        for _ in range(50):
            assert not limit.admits(101)
            assert limit.admits(100)
        assert len(caplog.records) == 1
        assert limit.admits(80)
        assert len(caplog.records) == 2


class TestBodies:
    async def test_one_that_is_announced_too_large_is_refused_before_it_comes(self) -> None:
        before = refused("body_too_large")
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
            assert error_of(await client.receive_all()) == (413, "BAD_REQUEST")
            await until(lambda: not server.connections)
            assert server.bodies == []
        assert refused("body_too_large") - before == 1

    async def test_the_answer_reaches_a_client_that_goes_on_sending(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            start = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
            sending = asyncio.create_task(send_all(client, start + b"x" * 3_000_000))
            assert (await client.receive()).startswith(b"HTTP/1.1 413 ")
            await until(lambda: not server.connections)
            await sending

    async def test_one_that_comes_in_chunks_is_refused_when_it_is_too_large(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            with changed_settings(MAX_BODY_BYTES=5000):
                await client.send(
                    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                sending = asyncio.create_task(
                    send_all(client, (b"3e8\r\n" + b"x" * 1000 + b"\r\n") * 100)
                )
                answer = await client.receive()
                assert answer.startswith(b"HTTP/1.1 413 ")
                assert answer.count(b"HTTP/1.1") == 1
                await until(lambda: server.disconnects == 1 and not server.connections)
                await sending
        assert server.bodies == []

    async def test_one_of_the_largest_size_arrives(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            with changed_settings(MAX_BODY_BYTES=5000):
                start = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
                for _ in range(2):
                    await client.send(start + b"x" * 5000)
                    assert (await client.receive()).endswith(b"\r\n\r\n5000")

    async def test_behind_a_request_in_progress_only_that_one_is_answered(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            server.may_answer.clear()
            large = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n"
            await client.send(REQUEST + large)
            await until(lambda: len(server.bodies) == 1)
            server.may_answer.set()
            answer = await client.receive_all()
            assert answer.count(b"HTTP/1.1") == 1
            assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_body_is_dropped_when_its_client_has_gone() -> None:
    # The application may let the request wait, such as one that comes too fast.
    seen = asyncio.Queue[Any]()
    may_end = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.put_nowait(receive)
        await may_end.wait()

    async with http_server() as server:
        server.server.config.loaded_app = application
        async with raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n")
            receive = await seen.get()
            cycle = receive.__self__
            await client.send(b"x" * 50_000)
            await until(lambda: len(cycle.body) == 50_000)
            client.reset()
        await until(lambda: not server.connections)
        assert (await receive())["type"] == "http.disconnect"
        assert cycle.body == b""
        may_end.set()


async def test_few_requests_wait_behind_another() -> None:
    before = refused("pipelining")
    async with http_server() as server, raw_client(server.port) as client:
        server.may_answer.clear()
        await client.send(REQUEST)
        await until(lambda: len(server.bodies) == 1)
        await client.send(REQUEST * 1000)
        (connection,) = server.connections
        await until(lambda: len(connection.pipeline) == uvicorn_requests.MAX_PIPELINED)
        server.may_answer.set()
        answers = await client.receive_all()
        assert answers.count(b"HTTP/1.1 200 ") == uvicorn_requests.MAX_PIPELINED + 1
        await until(lambda: not server.connections)
    assert len(server.bodies) == uvicorn_requests.MAX_PIPELINED + 1
    assert refused("pipelining") - before == 1


HANDSHAKE = (
    b"Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
@pytest.mark.parametrize(
    ("handshake", "status"),
    [
        (b"GET /?token=" + b"x" * 9000 + b" HTTP/1.1\r\n" + HANDSHAKE, b"414"),
        (b"GET / HTTP/1.1\r\nCookie: a=" + b"x" * 9000 + b"\r\n" + HANDSHAKE, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 130 + HANDSHAKE, b"431"),
        (b"POST / HTTP/1.1\r\n" + HANDSHAKE, b"400"),
        (b"GET / HTTP/1.0\r\n" + HANDSHAKE, b"400"),
        (b"GET / HTTP/1.1\r\nX\xff: y\r\n" + HANDSHAKE, b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n" + HANDSHAKE, b"400"),
    ],
    ids=["line", "cookie", "fields", "method", "version", "name", "body"],
)
async def test_a_handshake_that_is_not_taken_is_answered(
    socket_class: str, handshake: bytes, status: bytes
) -> None:
    async with http_server(ws=socket_class) as server:
        async with raw_client(server.port, buffer_bytes=65_536) as client:
            await client.send(handshake + b"\r\n")
            answer = await client.receive_all()
            assert answer.startswith(b"HTTP/1.1 " + status), answer
        await until(lambda: not server.connections)


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
async def test_the_longest_lines_of_a_handshake_are_taken(socket_class: str) -> None:
    # The application of this server knows no sockets; what matters is that it was asked.
    async with http_server(ws=socket_class) as server, raw_client(server.port) as client:
        start = b"GET /?" + b"x" * (8190 - 15) + b" HTTP/1.1\r\n"
        field = b"X: " + b"x" * (8190 - 3) + b"\r\n"
        await client.send(start + field + HANDSHAKE + b"\r\n")
        assert (await client.receive_all()).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("field", [b"", b"Expect: 100-continue\r\n"])
async def test_a_body_with_a_wrong_chunk_is_refused(
    field: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    # The application waits for the rest, which the parser cannot find any more.
    async with http_server() as server, raw_client(server.port) as client:
        start = b"POST / HTTP/1.1\r\nHost: x\r\n" + field + b"Transfer-Encoding: chunked\r\n\r\n"
        await client.send(start + b"3\r\nabcd\r\n0\r\n\r\n")
        assert (await client.receive_all()).startswith(b"HTTP/1.1 400 ")
        await until(lambda: server.disconnects == 1 and not server.connections)
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


@pytest.mark.parametrize("socket_class", [OUR_CLASS, PLAIN_CLASS])
async def test_a_handshake_behind_a_request_in_progress_is_refused(socket_class: str) -> None:
    # Otherwise the response to the first request would come after that to the handshake.
    async with http_server(ws=socket_class) as server, raw_client(server.port) as client:
        server.may_answer.clear()
        await client.send(REQUEST + b"GET /socket HTTP/1.1\r\n" + HANDSHAKE + b"\r\n")
        await until(lambda: len(server.bodies) == 1)
        server.may_answer.set()
        answer = await client.receive_all()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n",
        b"GET /\r\n",
        b"GET / HTTP/0.9\r\nHost: a\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 30\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: z\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n",
    ],
)
async def test_what_two_parsers_may_read_differently_is_refused(header: bytes) -> None:
    async with http_server() as server, raw_client(server.port) as client:
        await client.send(header + b"\r\n" + REQUEST)
        answer = await client.receive_all()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert server.bodies == []


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"


async def test_fields_after_a_body_are_not_in_the_header() -> None:
    # A proxy replaces those of the header, and may pass these on.
    async with http_server() as server, raw_client(server.port) as client:
        trailers = b"X-Forwarded-For: 192.0.2.1\r\nHost: b\r\nExpect: 100-continue\r\n"
        await client.send(CHUNKED + trailers + b"\r\n")
        await until(lambda: server.bodies == [b"abc"])
        assert server.headers == [(b"host", b"a"), (b"transfer-encoding", b"chunked")]
        await client.send(REQUEST)
        await until(lambda: server.bodies == [b"abc", b""])
        assert server.headers == [(b"host", b"localhost")]


async def test_too_many_fields_after_a_body_are_refused() -> None:
    async with http_server() as server, raw_client(server.port) as client:
        with suppress(ConnectionError):
            await client.send(CHUNKED + b"X: " + b"x" * 16_000 + b"\r\n")
            await client.send((b"X: " + b"x" * 16_000 + b"\r\n") * 2 + b"\r\n")
        assert error_of(await client.receive_all())[0] == 431


@pytest.mark.parametrize("socket_class", [OUR_CLASS, None])
@pytest.mark.parametrize("pieces", [1, 2], ids=["together", "header first"])
@pytest.mark.parametrize(
    "body",
    [b"Content-Length: %d\r\n\r\n%b", b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)
async def test_a_request_that_offers_another_protocol_keeps_its_body(
    body: bytes, pieces: int, socket_class: str | None
) -> None:
    # As Java's HttpClient does. The parser takes such a body for the next request (request smuggling).
    content = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    start = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    async with (
        http_server(ws=socket_class or "none") as server,
        raw_client(server.port) as client,
    ):
        header, separator, rest = (start + body % (len(content), content)).partition(b"\r\n\r\n")
        if pieces == 1:
            await client.send(header + separator + rest + REQUEST)
        else:
            await client.send(header + separator)
            await until(lambda: bool(server.connections))
            (connection,) = server.connections
            await until(lambda: connection.cycle is not None)
            await client.send(rest + REQUEST)
        await until(lambda: len(server.bodies) == 2)
        assert server.bodies == [content, b""]


async def test_many_requests_may_offer_another_protocol() -> None:
    offer = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with http_server() as server, raw_client(server.port) as client:
        await client.send(offer * 1000)
        answers = await client.receive_all()
        assert answers.count(b"HTTP/1.1 200 ") == uvicorn_requests.MAX_PIPELINED + 1


async def test_nothing_is_a_tunnel() -> None:
    async with http_server() as server, raw_client(server.port) as client:
        await client.send(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + REQUEST)
        assert error_of(await client.receive_all()) == (400, "BAD_REQUEST")


async def test_nothing_is_logged_for_what_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with http_server() as server:
        before = len(caplog.records)
        for start in (b"nonsense", b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000):
            async with raw_client(server.port) as client:
                await client.send(start + b"\r\n\r\n")
                assert await client.receive_all()
        assert [each.getMessage() for each in caplog.records[before:]] == []


async def test_a_request_of_http_1_0_needs_no_host() -> None:
    async with http_server() as server, raw_client(server.port) as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.receive_all()).startswith(b"HTTP/1.1 200 ")


class TestHalfClosedConnections:
    async def test_complete_requests_are_answered(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            server.may_answer.clear()
            await client.send(REQUEST * 3 + b"GET / HT")
            client.connection.shutdown(socket.SHUT_WR)
            await until(lambda: len(server.bodies) == 1)
            server.may_answer.set()
            assert (await client.receive_all()).count(b"HTTP/1.1 200 ") == 3
            await until(lambda: not server.connections)

    async def test_an_incomplete_one_ends(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
            await until(lambda: bool(server.connections))
            client.connection.shutdown(socket.SHUT_WR)
            assert await client.receive_all() == b""
            await until(lambda: server.disconnects == 1 and not server.connections)


class TestShutdown:
    """A proxy may send a request in the moment in which the server begins to stop."""

    @pytest.mark.parametrize("before", [0, 2])
    async def test_a_request_on_its_way_is_answered_as_the_last_one(self, before: int) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            for _ in range(before):
                await client.send(REQUEST)
                assert (await client.receive()).startswith(b"HTTP/1.1 200 ")
            await until(lambda: bool(server.connections))
            (connection,) = server.connections
            connection.shutdown()
            await client.send(REQUEST)
            answer = await client.receive_all()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nconnection: close\r\n" in answer
            await until(lambda: not server.connections)

    async def test_a_connection_without_a_request_is_closed_after_a_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uvicorn_requests, "IDLE_SHUTDOWN_SECONDS", SOON)
        async with http_server() as server, raw_client(server.port) as client:
            await until(lambda: bool(server.connections))
            (connection,) = server.connections
            connection.shutdown()
            assert await client.receive_all() == b""
            await until(lambda: not server.connections)

    async def test_in_a_hurry_it_is_closed_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(uvicorn_requests, "IDLE_SHUTDOWN_SECONDS", NEVER)
        async with http_server() as server, raw_client(server.port) as client:
            await until(lambda: bool(server.connections))
            (connection,) = server.connections
            connection.shutdown()
            connection.close_now()
            assert await client.receive_all() == b""
            await until(lambda: not server.connections)

    async def test_a_handshake_on_its_way_is_for_another_server(self) -> None:
        async with http_server() as server, raw_client(server.port) as client:
            await until(lambda: bool(server.connections))
            (connection,) = server.connections
            connection.shutdown()
            await client.send(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert await client.receive_all() == b""
            await until(lambda: not server.connections)
