"""What is left of sockets when they are gone, and of the requests that have opened them: nothing to collect.

What is in a reference cycle stays until a garbage collection, which is rare in a server; sockets of a flood would.
"""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from live_inbox.internals.uvicorn_requests import BoundedHttpProtocol
from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
from live_inbox.sockets.session import SocketSession
from live_inbox_graphql.graphql_transport_ws import GraphQLTransportWSProtocol
from tests.end_to_end.in_process_server import InProcessServer, in_process_server
from tests.sockets.socket_server import OUR_HTTP_CLASS, raw_client
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]

SOCKETS = 20
OF_SOCKETS = (DirectSocketProtocol, GraphQLTransportWSProtocol, SocketSession)


def alive(*kinds: type) -> Counter[type]:
    """Count the objects of these types."""
    return Counter(type(each) for each in gc.get_objects() if type(each) in kinds)


async def open_silent(server: InProcessServer, clients: AsyncExitStack) -> None:
    """Open sockets that say nothing."""
    for _ in range(SOCKETS):
        client = await clients.enter_async_context(raw_client(server.port))
        await client.handshake("/graphql/", subprotocol="graphql-transport-ws")


async def test_neither_sockets_nor_their_handshakes_wait_for_a_collection() -> None:
    async with in_process_server(http_class=OUR_HTTP_CLASS) as server, AsyncExitStack() as clients:
        gc.collect()
        before = alive(BoundedHttpProtocol, *OF_SOCKETS)
        gc.disable()
        try:
            await open_silent(server, clients)
            assert alive(SocketSession) - before == Counter({SocketSession: SOCKETS})
            assert alive(BoundedHttpProtocol) - before == Counter()

            await clients.aclose()
            await until(lambda: not server.server.server_state.connections)
            await until(lambda: not server.server.server_state.tasks)
            await until(lambda: alive(BoundedHttpProtocol, *OF_SOCKETS) == before)
        finally:
            gc.enable()
