"""What Redis sends may be cut anywhere, and whoever asked may have gone: answers are matched all the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import pairwise

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.delivery.redis_connection import RedisConnection
from tests.delivery.virtual_loop import VirtualLoop


class Line(asyncio.Transport):
    """The other end of a connection: keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def abort(self) -> None:
        """Remember."""
        self.is_aborted = True


@dataclass
class Asked:
    """A command, and what becomes of it."""

    names: list[str]
    """What it subscribes to; none: it publishes."""
    fails: bool
    is_cancelled: bool


ASKED = st.builds(
    Asked, st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=4), st.booleans(), st.booleans()
)
MESSAGE = st.tuples(st.sampled_from([b"a", b"bb"]), st.binary(max_size=30))


def bulk(data: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(data), data)


def row(mark: bytes, *parts: bytes) -> bytes:
    return b"%s%d\r\n%s" % (mark, len(parts), b"".join(parts))


def answers(number: int, asked: Asked, mark: bytes) -> list[bytes]:
    """What Redis answers to the command of that number."""
    if asked.fails:
        return [b"-NOPERM %d\r\n" % number]
    return [
        row(mark, bulk(b"subscribe"), bulk(name.encode()), b":%d\r\n" % number)
        for name in asked.names
    ] or [b":%d\r\n" % number]


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Asked], list[tuple[bytes, bytes]], list[bytes]]:
    """Commands, messages, and the bytes that Redis sends because of both, in pieces."""
    mark = draw(st.sampled_from([b"*", b">"]))
    commands = draw(st.lists(ASKED, max_size=8))
    messages = []
    sent = b""
    for number, asked in enumerate(commands):
        for answer in answers(number, asked, mark):
            for name, text in draw(st.lists(MESSAGE, max_size=2)):
                messages.append((name, text))
                sent += row(mark, bulk(b"message"), bulk(name), bulk(text))
            sent += answer
    cuts = sorted(draw(st.sets(st.integers(0, len(sent)), max_size=20)) | {0, len(sent)})
    return commands, messages, [sent[start:end] for start, end in pairwise(cuts)]


@given(streams())
def test_every_answer_finds_its_command_and_every_message_its_ear(
    stream: tuple[list[Asked], list[tuple[bytes, bytes]], list[bytes]],
) -> None:
    commands, messages, pieces = stream

    async def scenario() -> None:
        heard: list[tuple[bytes, bytes]] = []
        connection = RedisConnection(lambda name, text: heard.append((name, text)))
        connection.connection_made(Line())
        calls = [
            connection.call("SUBSCRIBE", *asked.names, answers=len(asked.names))
            if asked.names
            else connection.call("PUBLISH", "a", b"text")
            for asked in commands
        ]
        for call, asked in zip(calls, commands, strict=True):
            if asked.is_cancelled:
                call.cancel()
        for piece in pieces:
            connection.data_received(piece)
        assert not connection.gone.is_set()
        for number, (call, asked) in enumerate(zip(calls, commands, strict=True)):
            assert call.done()
            if asked.is_cancelled:
                assert call.cancelled()
            elif asked.fails:
                assert str(call.exception()) == f"NOPERM {number}"
            else:
                answer = call.result()
                assert (answer[2] if asked.names else answer) == number
        assert heard == messages
        connection.close()

    asyncio.run(scenario())


async def test_commands_of_one_turn_are_written_in_one_go() -> None:
    line = Line()
    connection = RedisConnection(lambda name, text: None)
    connection.connection_made(line)
    calls = [connection.call("PUBLISH", "a", text) for text in (b"1", b"\r\n")]
    assert line.written == []
    await asyncio.sleep(0)
    assert line.written == [
        b"*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1\r\n1\r\n"
        b"*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$2\r\n\r\n\r\n"
    ]
    connection.data_received(b":1\r\n:2\r\n")
    assert await asyncio.gather(*calls) == [1, 2]
    connection.close()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b":1\r\n", "an answer to nothing"),
        (b"-ERR max number of clients reached\r\n", "an answer to nothing"),
        (b"HTTP/1.1 400 Bad Request\r\n", "could not be read"),
        (b"*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", "could not be read"),
    ],
)
async def test_a_server_that_cannot_be_understood_is_left(sent: bytes, reason: str) -> None:
    line = Line()
    connection = RedisConnection(lambda name, text: None)
    connection.connection_made(line)
    connection.data_received(sent)
    assert connection.gone.is_set()
    assert line.is_aborted
    with pytest.raises(ConnectionError, match=reason):
        connection.call("PING")


async def test_messages_that_nobody_asked_for_are_passed_over() -> None:
    connection = RedisConnection(lambda name, text: None)
    connection.connection_made(Line())
    ping = connection.call("PING")
    connection.data_received(b">2\r\n$10\r\ninvalidate\r\n*0\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n")
    assert await ping == [b"pong", b""]
    connection.close()


async def test_what_is_waited_for_fails_when_the_connection_is_lost() -> None:
    connection = RedisConnection(lambda name, text: None)
    connection.connection_made(Line())
    first, second = connection.call("PING"), connection.call("PING")
    second.cancel()
    connection.connection_lost(ConnectionResetError("reset by peer"))
    with pytest.raises(ConnectionError, match="reset by peer"):
        await first
    with pytest.raises(ConnectionError, match="reset by peer"):
        connection.call("PING")


def test_a_link_is_given_up_when_an_answer_is_due_and_nothing_arrives() -> None:
    loop = VirtualLoop()
    line = Line()

    async def begin() -> RedisConnection:
        connection = RedisConnection(lambda name, text: None, reply_seconds=2.0)
        connection.connection_made(line)
        return connection

    connection = loop.result_of(begin())
    # Nothing is due.
    loop.advance(100.0)
    answered, unanswered = connection.call("PING"), connection.call("PING")
    loop.advance(1.5)
    connection.data_received(b"+PONG\r\n")
    loop.advance(1.5)
    # Something has arrived within the last two seconds.
    assert answered.result() == b"PONG"
    assert not connection.gone.is_set()
    loop.advance(2.0)
    assert "does not answer" in str(unanswered.exception())
    assert connection.gone.is_set()
    assert line.is_aborted
    loop.run_off()
    assert loop.errors == []


async def test_an_error_is_raised_where_the_command_was_given() -> None:
    connection = RedisConnection(lambda name, text: None)
    connection.connection_made(Line())
    refused = connection.call("SUBSCRIBE", "a", "b", "c", answers=3)
    ping = connection.call("PING")
    connection.data_received(b"-NOPERM no permission\r\n+PONG\r\n")
    with pytest.raises(hiredis.ReplyError, match="NOPERM"):
        await refused
    assert await ping == b"PONG"
    connection.close()
