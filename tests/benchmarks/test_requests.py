"""Requests over HTTP: answers are read however the network cuts them, timed, and refused if they are not right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import testbed
from benchmarks.figures import Row
from benchmarks.http_messages import Answer, read_answer, request
from benchmarks.open_loop import Job, OpenLoop
from benchmarks.operations import Wrong
from benchmarks.peers.peer import Peer
from benchmarks.request_loop import Connection, closed_loop
from benchmarks.request_tables import page_table, request_table
from benchmarks.results import Results

pytestmark = pytest.mark.stack("embedded")

WITH_LENGTH = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
IN_CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;more=1\r\nlo\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("data", [WITH_LENGTH, IN_CHUNKS])
def test_an_answer_is_read_when_all_of_it_has_come(data: bytes) -> None:
    assert read_answer(data + b"HTTP/1.1 500") == Answer(200, b"hello", len(data))
    assert [read_answer(data[:end]) for end in range(len(data))] == [None] * len(data)


def test_the_length_in_a_body_is_none() -> None:
    body = b"\r\ncontent-length: 2\r\n"
    data = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert read_answer(data) == Answer(404, body, len(data))


def test_an_answer_without_a_length_is_refused() -> None:
    with pytest.raises(ValueError, match="without a length"):
        read_answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")


def test_a_request_has_a_token_and_the_length_of_its_body() -> None:
    lines = request("POST", "here:1", "/graphql/", token="abc", body=b"{}").split(b"\r\n")
    assert lines[0] == b"POST /graphql/ HTTP/1.1"
    assert {b"Host: here:1", b"Authorization: Bearer abc", b"Content-Length: 2"} <= set(lines)
    assert lines[-2:] == [b"", b"{}"]
    assert b"Content" not in request("GET", "here:1", "/", token=None)


@given(st.lists(st.integers(1, 60), max_size=40))
def test_answers_are_checked_however_they_are_cut(cuts: list[int]) -> None:
    async def receive() -> list[bytes]:
        checked: list[bytes] = []
        latencies: list[float] = []
        check = lambda answer: checked.append(answer.body)  # noqa: E731
        connection = Connection(repeat((b"GET", check)), latencies)
        transport = _Transport()
        connection.connection_made(transport)
        connection.begin(float("inf"))
        for data in (WITH_LENGTH, IN_CHUNKS, WITH_LENGTH):
            for size in cuts:
                piece, data = data[:size], data[size:]
                if piece:
                    connection.data_received(piece)
            if data:
                connection.data_received(data)
        assert transport.written == [b"GET"] * 4
        assert len(latencies) == 3
        assert not connection.ended.done()
        return checked

    assert asyncio.run(receive()) == [b"hello"] * 3


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Any] = []

    def write(self, data: Any) -> None:
        self.written.append(data)


class _Echo(Peer):
    """A server in this process that answers each request by its number."""

    name = title = "echo"

    async def start(self) -> None:
        """Serve."""
        self.ended: list[asyncio.Event] = []
        self.server = await asyncio.start_server(self._serve, *self.address)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, ended = 0, asyncio.Event()
        self.ended.append(ended)
        with suppress(ConnectionError):
            while await reader.readline():
                number += 1
                body = b"%d" % number
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()


@asynccontextmanager
async def echo() -> AsyncIterator[_Echo]:
    """Run the server."""
    with testbed.Testbed(testbed.Processors()) as bed:
        peer = _Echo(bed, 1)
        await peer.start()
        try:
            yield peer
        finally:
            peer.server.close()
            for ended in peer.ended:
                await ended.wait()


async def test_each_connection_asks_until_nothing_is_left_to_ask() -> None:
    seen: list[bytes] = []
    check = lambda answer: seen.append(answer.body)  # noqa: E731
    async with echo() as peer:
        made = [partial(Connection, iter([(b"ask\n", check)] * count)) for count in (3, 2)]
        measured = await closed_loop(peer, made, seconds=600)
    assert sorted(seen) == [b"1", b"1", b"2", b"2", b"3"]
    assert len(measured.latencies) == 5
    assert measured.figures["per_second"] > 0


async def test_an_answer_that_is_not_right_ends_the_loop() -> None:
    def check(answer: Answer) -> None:
        if answer.body == b"2":
            raise Wrong("not two")

    async with echo() as peer:
        with pytest.raises(Wrong, match="not two"):
            await closed_loop(peer, [partial(Connection, repeat((b"ask\n", check)))], seconds=600)


async def test_what_is_due_is_asked_over_few_connections_and_counted_by_kind() -> None:
    seen: list[bytes] = []
    due: list[float] = []

    def make(moment: float) -> Job:
        due.append(moment)
        return Job("odd" if len(due) % 2 else "even", b"ask\n", lambda got: seen.append(got.body))

    async with echo() as peer:
        requests = OpenLoop(peer, 2)
        await requests.open()
        await requests.run(make, rate=50_000, seconds=5 / 50_000)
        requests.close()
    assert [round((moment - due[0]) * 50_000) for moment in due] == [0, 1, 2, 3, 4]
    assert {kind: len(found) for kind, found in requests.latencies.items()} == {"odd": 3, "even": 2}
    assert min(min(found) for found in requests.latencies.values()) > 0
    # Two connections, whose servers have counted to five in all.
    assert sorted(seen) in ([b"1", b"1", b"2", b"2", b"3"], [b"1", b"1", b"2", b"3", b"4"])


async def test_an_answer_that_is_not_right_ends_the_open_loop() -> None:
    def check(answer: Answer) -> None:
        raise Wrong("not this")

    async with echo() as peer:
        requests = OpenLoop(peer, 1)
        await requests.open()
        with pytest.raises(Wrong, match="not this"):
            await requests.run(lambda moment: Job("any", b"ask\n", check), rate=1000, seconds=600)
        requests.close()


def test_requests_have_a_table_for_each_thing_that_was_asked() -> None:
    head = {"date": "", "command": "", "machine": {}, "versions": {}}
    usual = {"per_second": 100.0, "p50_ms": 1.0, "p99_ms": 2.0, "answers": 50.0}
    shares = {"server_share": 0.5, "client_share": 0.2, "rest_share": 0.95}
    rows = []
    for peer, cost in (("product", 10.0), ("drf", 40.0)):
        for asked, factor in (("few_", 1.0), ("many_", 2.0)):
            found = {"cpu_us": cost * factor, "postgres_us": 3.0, **usual, **shares}
            rows.append(
                Row("http-list", peer, 8, 1, {asked + name: each for name, each in found.items()})
            )
    text = request_table(Results("http-list", head, rows), {"product": "ours", "drf": "theirs"})
    assert [
        line for line in text.splitlines() if line.startswith(("few", "many", "| ours", "| th"))
    ] == [
        "few:",
        "| ours | 10 | 1 x | 3 | ≥ 100 | 1 / 2 | 50 |",
        "| theirs | 40 | 4 x | 3 | ≥ 100 | 1 / 2 | 50 |",
        "many:",
        "| ours | 20 | 1 x | 3 | ≥ 100 | 1 / 2 | 50 |",
        "| theirs | 80 | 4 x | 3 | ≥ 100 | 1 / 2 | 50 |",
    ]


def test_pages_have_a_table() -> None:
    figures = {"cpu_us": 2000.0, "per_second": 100.0, "p50_ms": 1.0, "p99_ms": 2.0, "answers": 50.0}
    head = {"date": "", "command": "", "machine": {}, "versions": {}}
    results = Results("page", head, [Row("page", "product", 50, 1, figures)])
    assert page_table(results, {"product": "ours"}).splitlines()[2:] == [
        "| ours | 2,000 | 1 x | — | 100 | 1 / 2 | 50 |"
    ]
