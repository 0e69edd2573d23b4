"""The writer over plain ASGI: order, room, the end, and servers that raise when the client has gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from live_inbox.sockets.writer import AsgiWriter, DirectSocket, DirectWriter, writer_for

pytestmark = pytest.mark.stack("embedded")


OFFERED = cast("DirectSocket", SimpleNamespace(write_texts=None, room=lambda: None))
"""A socket that the server offers, and nothing is written to."""


class Server:
    """The sending half of an ASGI server, whose client reads when the test says so."""

    def __init__(self) -> None:
        self.sent: list[MutableMapping[str, Any]] = []
        self.reads = asyncio.Event()
        self.error: Exception | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a message when the client reads."""
        await self.reads.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    @property
    def received_by_client(self) -> list[str]:
        """The texts, and the codes of closes."""
        return [message.get("text") or f"close {message['code']}" for message in self.sent]


@pytest.fixture
def server() -> Server:
    """A server whose client does not read yet."""
    return Server()


async def let_run() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(20):
        await asyncio.sleep(0)


def is_over(room: Awaitable[None] | None) -> bool:
    """Whether there is nothing to wait for any more."""
    assert isinstance(room, asyncio.Future)
    return room.done()


async def test_messages_come_in_order_whoever_writes_them(server: Server) -> None:
    writer = AsgiWriter(server.send)
    writer.write([b"1", b"2"])
    writer.write([b"3"])
    server.reads.set()
    writer.write([b"4", "fünf".encode()])
    await writer.close(4000, "enough")
    assert server.received_by_client == ["1", "2", "3", "4", "fünf", "close 4000"]
    assert server.sent[-1] == {"type": "websocket.close", "code": 4000, "reason": "enough"}


async def test_nothing_to_write_is_nothing_to_wait_for(server: Server) -> None:
    writer = AsgiWriter(server.send)
    assert writer.write([]) is None
    writer.write([b"1"])
    room = writer.write([])
    assert not is_over(room)
    server.reads.set()
    await let_run()
    assert is_over(room)
    assert writer.write([]) is None


async def test_there_is_room_when_everything_was_sent(server: Server) -> None:
    writer = AsgiWriter(server.send)
    first, second = writer.write([b"1"]), writer.write([b"2"])
    await let_run()
    assert not is_over(first)
    assert not is_over(second)
    server.reads.set()
    await let_run()
    assert is_over(first)
    assert is_over(second)
    third = writer.write([b"3"])
    assert third is not None
    await third
    assert server.received_by_client == ["1", "2", "3"]


async def test_cancelling_a_wait_for_room_does_not_stop_the_sending(
    server: Server,
) -> None:
    writer = AsgiWriter(server.send)
    room = writer.write([b"1"])
    assert room is not None
    waiting = asyncio.ensure_future(room)
    await let_run()
    waiting.cancel()
    await let_run()
    server.reads.set()
    await let_run()
    assert server.received_by_client == ["1"]


async def test_a_close_that_takes_too_long_can_be_given_up(server: Server) -> None:
    writer = AsgiWriter(server.send)
    writer.write([b"1"])
    closing = asyncio.create_task(writer.close(1000, ""))
    await let_run()
    closing.cancel()
    server.reads.set()
    await let_run()
    assert closing.cancelled()
    assert server.received_by_client == ["1"]


@pytest.mark.parametrize("written", [[], [b"1"]])
async def test_a_close_gives_up_when_the_client_reads_no_more(
    server: Server, monkeypatch: pytest.MonkeyPatch, written: list[bytes]
) -> None:
    monkeypatch.setattr("live_inbox.sockets.writer._CLOSE_SECONDS", 0.0)
    writer = AsgiWriter(server.send)
    writer.write(written)
    await writer.close(1000, "")
    assert server.received_by_client == []
    writer.discard()
    await let_run()
    assert len(asyncio.all_tasks()) == 1


async def test_so_does_a_close_of_a_socket_that_the_server_offers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_inbox.sockets.writer._CLOSE_SECONDS", 0.0)
    writer = DirectWriter(OFFERED, server.send)
    await writer.close(1000, "")
    assert server.received_by_client == []


async def test_a_close_refuses_a_socket_that_was_not_accepted(server: Server) -> None:
    server.reads.set()
    await AsgiWriter(server.send).close(1000, "")
    assert server.received_by_client == ["close 1000"]


async def test_after_the_close_nothing_is_written_and_nothing_closed_again(server: Server) -> None:
    server.reads.set()
    writer = AsgiWriter(server.send)
    await writer.close(4001, "")
    assert writer.write([b"late"]) is None
    await writer.close(4002, "")
    assert server.received_by_client == ["close 4001"]


@pytest.mark.parametrize("error", [OSError(), ConnectionResetError(), RuntimeError("closed")])
async def test_writing_to_a_client_that_has_gone_is_a_no_op(
    server: Server, error: Exception
) -> None:
    server.error = error
    server.reads.set()
    writer = AsgiWriter(server.send)
    room = writer.write([b"1", b"2"])
    assert room is not None
    await room
    assert writer.write([b"3"]) is None
    await writer.close(1000, "")
    assert server.sent == []


async def test_a_server_that_breaks_is_logged_once_and_the_socket_counts_as_gone(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer promises never to fail: not everybody who writes waits, and asks how it went."""
    server.error = KeyError("what the server did not think of")
    server.reads.set()
    writer = AsgiWriter(server.send)
    with caplog.at_level(logging.ERROR):
        room = writer.write([b"1"])
        assert room is not None
        await room
        await writer.close(1000, "")
    assert writer.write([b"2"]) is None
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [KeyError]


@pytest.mark.parametrize(("code", "sent"), [(1012, 4012), (1009, 4009), (4403, 4403)])
async def test_a_code_that_the_server_refuses_is_replaced_by_one_of_an_application(
    code: int, sent: int
) -> None:
    codes: list[int] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["code"] < 3000:
            raise Exception("invalid close code")  # what autobahn raises
        codes.append(message["code"])

    await AsgiWriter(send).close(code, "why")
    assert codes == [sent]


async def test_a_close_that_fails_raises_nothing(server: Server) -> None:
    server.reads.set()
    writer = AsgiWriter(server.send)
    server.error = RuntimeError("closed already")
    await writer.close(1000, "")
    assert server.sent == []


async def test_what_was_not_sent_is_forgotten_when_the_socket_is_gone(server: Server) -> None:
    writer = AsgiWriter(server.send)
    room = writer.write([b"1", b"2"])
    await let_run()
    writer.discard()
    writer.discard()
    server.reads.set()
    await let_run()
    assert is_over(room)
    assert server.sent == []
    assert writer.write([b"3"]) is None
    await writer.close(1000, "")
    assert server.sent == []


async def test_no_task_is_left_when_there_is_nothing_to_send(server: Server) -> None:
    writer = AsgiWriter(server.send)
    assert len(asyncio.all_tasks()) == 1
    writer.write([b"1"])
    writer.write([b"2"])
    assert len(asyncio.all_tasks()) == 2
    server.reads.set()
    await let_run()
    assert len(asyncio.all_tasks()) == 1


async def test_a_server_that_does_not_offer_its_socket_is_served_by_asgi(server: Server) -> None:
    scopes: list[dict[str, Any]] = [{}, {"extensions": None}, {"extensions": {}}]
    for scope in scopes:
        assert isinstance(writer_for(scope, server.send), AsgiWriter)
    offered = {"extensions": {"live_inbox.direct": OFFERED}}
    assert isinstance(writer_for(offered, server.send), DirectWriter)
