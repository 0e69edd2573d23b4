"""The header and the body of a response are one write; nothing is held for longer than a turn of the loop."""

from __future__ import annotations

import asyncio

import pytest

from live_inbox.internals.uvicorn_header_writes import HeaderWithBody

pytestmark = pytest.mark.stack("embedded")


class Transport(asyncio.Transport):
    """A transport that remembers what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def close(self) -> None:
        self.done.append("closed")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
async def response(transport: Transport) -> HeaderWithBody:
    return HeaderWithBody(transport, asyncio.get_running_loop())


async def turn() -> None:
    await asyncio.sleep(0)


async def test_header_and_body_are_one_write(
    response: HeaderWithBody, transport: Transport
) -> None:
    response.write(b"header")
    assert transport.done == []
    response.write(b"body")
    assert transport.done == [b"headerbody"]
    await turn()
    assert transport.done == [b"headerbody"]


async def test_a_header_alone_is_held_for_one_turn(
    response: HeaderWithBody, transport: Transport
) -> None:
    response.write(b"header")
    await turn()
    assert transport.done == [b"header"]
    response.write(b"later")
    assert transport.done == [b"header", b"later"]


async def test_parts_of_a_body_are_written_at_once(
    response: HeaderWithBody, transport: Transport
) -> None:
    for data in (b"header", b"1", b"2"):
        response.write(data)
    assert transport.done == [b"header1", b"2"]


async def test_an_empty_body_sends_the_header(
    response: HeaderWithBody, transport: Transport
) -> None:
    response.write(b"header")
    response.write(b"")
    assert transport.done == [b"header"]


async def test_what_is_held_comes_before_the_end(
    response: HeaderWithBody, transport: Transport
) -> None:
    response.write(b"header")
    response.close()
    assert transport.done == [b"header", "closed"]
    assert response.is_closing()


async def test_nothing_is_written_after_the_end(
    response: HeaderWithBody, transport: Transport
) -> None:
    response.write(b"header")
    transport.close()
    await turn()
    assert transport.done == ["closed"]
