"""What a browser does that opens a page: ask for the list, open a socket, subscribe after the list's position."""

from __future__ import annotations

import asyncio
import time

import orjson

from benchmarks.answer_check import Check
from benchmarks.delivery_counter import Receiver
from benchmarks.http_messages import Answer
from benchmarks.operations import Operation
from benchmarks.peers.http_peer import PagePeer
from benchmarks.request_loop import Connection
from benchmarks.sockets import Socket

LIMIT_SECONDS = 120.0
"""How long a page may take."""


async def open_page(
    peer: PagePeer, user: int, operation: Operation, receiver: Receiver, *, after: str | None = None
) -> Socket:
    """Return the socket of a page, subscribed after `after`, or else after the position of the list.

    Raise Wrong if the list is not right, and Refused if the server refuses the socket.
    """
    async with asyncio.timeout(LIMIT_SECONDS):
        position = await list_position(peer, user, operation)
        protocol = peer.page_protocol(user, position if after is None else after)
        socket = Socket(peer.host, protocol, receiver)
        await asyncio.get_running_loop().create_connection(lambda: socket, *peer.address)
        await socket.ready
    return socket


async def list_position(peer: PagePeer, user: int, operation: Operation) -> str:
    """Ask for a list on a connection of its own, and return the position in the answer."""
    positions: list[str] = []
    check = Check(peer.data, operation)

    def take(answer: Answer) -> None:
        check(answer)
        positions.append(peer.data(orjson.loads(answer.body))["notifications"]["position"])

    connection = Connection(iter([(peer.request(user, operation), take)]), [])
    await asyncio.get_running_loop().create_connection(lambda: connection, *peer.address)
    connection.begin(time.perf_counter() + LIMIT_SECONDS)
    try:
        await connection.ended
    finally:
        connection.close()
    return positions[0]
