"""Each peer over HTTP gives the right answers, to users with valid tokens and active accounts alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import jwt
import pytest

from benchmarks import operations, testbed
from benchmarks.answer_check import Check
from benchmarks.client_protocols import Refused
from benchmarks.delivery_counter import DeliveryCounter, Receiver, Stream
from benchmarks.http_messages import Answer, read_answer
from benchmarks.inboxes import Inboxes, username
from benchmarks.operations import Operation, Wrong
from benchmarks.pages import list_position, open_page
from benchmarks.peers import tokens
from benchmarks.peers.http_peer import AskedPeer, HTTPPeer, PagePeer
from benchmarks.peers.peer import Missing
from benchmarks.peers.registry import peers
from benchmarks.request_loop import SocketConnection, closed_loop
from benchmarks.sockets import open_sockets
from benchmarks.workloads.catalogue import GRAPHQL_HTTP, LISTS, PAGES

pytestmark = pytest.mark.stack("production")

INBOXES = Inboxes((30, 100), unread=25)
NEWEST = operations.newest(20, total=100, unread=25)
WHOLE = operations.newest(100, total=30, unread=25)


@pytest.fixture(scope="module")
def bed() -> Iterator[testbed.Testbed]:
    """Return servers that all of these tests share; nothing is measured, so nothing is pinned."""
    with testbed.Testbed(testbed.Processors()) as found:
        yield found


async def started(bed: testbed.Testbed, name: str, inboxes: Inboxes = INBOXES) -> HTTPPeer:
    """Return a running peer."""
    peer = peers()[name](bed, len(inboxes.sizes))
    assert isinstance(peer, HTTPPeer)
    try:
        await peer.start_with(inboxes)
    except Missing as missing:
        pytest.skip(str(missing))
    return peer


async def answer(peer: HTTPPeer, user: int, operation: Operation) -> Answer:
    """Return what a peer answers."""
    reader, writer = await asyncio.open_connection(*peer.address)
    writer.write(peer.request(user, operation))
    data = b""
    async with asyncio.timeout(60):
        while (found := read_answer(data)) is None:
            piece = await reader.read(1 << 16)
            assert piece, data
            data += piece
    writer.close()
    return found


@pytest.mark.parametrize("name", LISTS)
async def test_a_peer_answers_its_users_and_nobody_else(bed: testbed.Testbed, name: str) -> None:
    peer = await started(bed, name)
    try:
        if name in GRAPHQL_HTTP:
            for operation in (operations.typename(), operations.viewer(username(1))):
                Check(peer.data, operation)(await answer(peer, 1, operation))
        Check(peer.data, NEWEST)(await answer(peer, 1, NEWEST))
        Check(peer.data, WHOLE)(await answer(peer, 0, WHOLE))
        with pytest.raises(Wrong):
            Check(peer.data, NEWEST)(await answer(peer, 0, NEWEST))
        for token in (forged(peer.tokens[1]), tokens.issue(4711), "no token"):
            peer.tokens[1] = token
            with pytest.raises(Wrong):
                Check(peer.data, NEWEST)(await answer(peer, 1, NEWEST))
    finally:
        await peer.stop()


@pytest.mark.parametrize("name", GRAPHQL_HTTP)
async def test_a_peer_changes_what_it_is_asked_to(bed: testbed.Testbed, name: str) -> None:
    # Twice, because what one turn has written must be gone in the next.
    for _ in range(2):
        peer = await started(bed, name, Inboxes((30,), unread=30, is_written=True))
        try:
            for operation in (
                operations.mark_read(peer.filled.first_ids[0]),
                operations.mark_read(peer.filled.first_ids[0] + 1),
                operations.send(peer.filled.users[0]),
                operations.counts(total=31, unread=29),
            ):
                Check(peer.data, operation)(await answer(peer, 0, operation))
        finally:
            await peer.stop()


@pytest.mark.parametrize("name", ["product", "product-json", "product-sqlite", "product-prepared"])
async def test_a_list_is_asked_for_on_a_socket(bed: testbed.Testbed, name: str) -> None:
    peer = await started(bed, name)
    assert isinstance(peer, AskedPeer)

    def connection(total: int, latencies: list[float]) -> SocketConnection:
        # The JSON API tells no senders.
        operation = operations.newest(
            20, total=total, unread=25, has_senders=name != "product-json"
        )
        protocol = peer.asking_protocol(1)
        exchange = protocol.ask(operation), Check(protocol.data, operation)
        return SocketConnection(peer.host, protocol, iter([exchange] * 3), latencies)

    try:
        measured = await closed_loop(peer, [partial(connection, 100)] * 2, seconds=600)
        assert len(measured.latencies) == 6
        with pytest.raises(Wrong, match="Answered wrongly"):
            await closed_loop(peer, [partial(connection, 99)], seconds=600)
        peer.tokens[1] = "no token"
        with pytest.raises((Wrong, Refused)):
            await closed_loop(peer, [partial(connection, 100)], seconds=600)
    finally:
        await peer.stop()


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_is_subscribed_when_it_is_open(bed: testbed.Testbed, name: str) -> None:
    peer = await started(bed, name)
    assert isinstance(peer, PagePeer)
    operation = operations.newest(20, total=100, unread=25, query=operations.PAGE_LIST)

    def receiver() -> Receiver:
        return Receiver(DeliveryCounter(), Stream())

    try:
        page = await open_page(peer, 1, operation, receiver())
        assert page.is_connected
        page.close()
        position = await list_position(peer, 1, operation)
        assert position
        with pytest.raises(Wrong):
            await open_page(peer, 0, operation, receiver())
        peer.tokens[1] = forged(peer.tokens[1])
        protocol = peer.page_protocol(1, position)
        with pytest.raises(ExceptionGroup) as raised:
            await open_sockets(peer.address, [(protocol, receiver())])
        assert isinstance(raised.value.exceptions[0], Refused)
    finally:
        await peer.stop()


def forged(token: str) -> str:
    """Return a token with the same claims that another key has signed."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "another-key-that-is-long-enough-for-hs256", algorithm="HS256")
