"""Accepts the connections of a listening socket so that thousands at once hold up nobody else.

An event loop of its own opens each connection as it accepts it: asyncio up to a hundred in one turn, uvloop one. With
uvloop, who connects behind two thousand others waits in the system's queue until all of them are served, for the system
knows no addresses. Here:

- What has come is accepted at once, which takes a few microseconds, and opened in turns: one in each turn of the event
  loop, and addresses one after the other (`live_inbox.sockets.loop_turns`).
- An address for which as many wait as it may have open (MAX_CONNECTIONS_PER_ADDRESS) is refused before a transport and
  a protocol are made for it.
- Without descriptors or memory for another connection, the acceptor pauses for PAUSE_SECONDS, as asyncio does.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.sockets.address_limits import OpenCounts, connections_of_addresses
from live_inbox.sockets.loop_turns import loop_turns
from live_inbox.sockets.open_files import OUT_OF_RESOURCES
from live_inbox.sockets.refusals import refusal_response
from live_inbox.sockets.server_protocol import connection_limit

MOST_ACCEPTED = 64
"""Connections that are accepted in one turn of the event loop."""

MOST_WITHOUT_TURN = 8
"""Of these, connections that are opened without waiting: those of UNLIMITED_ADDRESSES, and of Unix sockets."""

MOST_OF_PROXY = 100_000
"""Connections of one proxy that wait: as many as there may be."""

PAUSE_SECONDS = 1.0


class Acceptor:
    """Accepts from one listening socket, as an `asyncio.Server` does.

    `create_protocol` makes the protocol of a connection, and `count_open` returns how many connections there are.
    """

    def __init__(
        self,
        listening: socket.socket,
        create_protocol: Callable[[], asyncio.Protocol],
        count_open: Callable[[], int],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listening = listening
        self._create_protocol = create_protocol
        self._count_open = count_open
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._turns = loop_turns(self._loop)
        self._waiting: set[socket.socket] = set()
        """What is accepted, and waits for its turn."""
        self._waiting_of = OpenCounts()
        self._opening: set[asyncio.Task[Any]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._is_closed = False

    def start(self) -> None:
        """Begin to accept. Raises NotImplementedError where an event loop watches no sockets, as on Windows."""
        self._listening.setblocking(False)
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more, and drop what is not open yet. The listening socket is its owner's to close."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._pause is None:
            self._loop.remove_reader(self._listening.fileno())
        else:
            self._pause.cancel()
        for connection in self._waiting:
            connection.close()
        self._waiting.clear()

    async def wait_closed(self) -> None:
        """Wait until nothing is being opened."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    # -- accepting ----------------------------------------------------------------------------------------

    def _accept(self) -> None:
        """Accept what has come, or a part of it."""
        without_turn = 0
        for _ in range(MOST_ACCEPTED):
            if without_turn == MOST_WITHOUT_TURN or self._has_enough():
                return
            try:
                connection, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in OUT_OF_RESOURCES:
                    self._rest(error)
                    return
                # It is the client's: it has given up, or the network to it is broken.
                continue
            connection.setblocking(False)
            without_turn += self._take(
                connection, address[0] if isinstance(address, tuple) else None
            )

    def _has_enough(self) -> bool:
        """Whether what waits makes up all connections that there may be. Who comes next is refused by the protocol."""
        most = connection_limit().most
        is_full = most is not None and self._count_open() + len(self._waiting) >= most
        return is_full and bool(self._waiting)

    def _rest(self, error: OSError) -> None:
        connection_limit().report(error)
        self._loop.remove_reader(self._listening.fileno())
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def _take(self, connection: socket.socket, peer: str | None) -> bool:
        """Let a connection wait for its turn, or refuse it. Return whether it takes no turn."""
        key = connections_of_addresses().key(peer)
        if key is None:
            self._open(connection)
            return True
        if self._waiting_of.open(key, self._most_waiting(peer)):
            self._waiting.add(connection)
            self._turns.take(key, partial(self._open_waiting, connection, key))
        else:
            connections_of_addresses().report_waiting(key)
            self._refuse(connection)
        return False

    def _most_waiting(self, peer: str | None) -> int:
        settings = inbox_settings()
        # A proxy has the connections of all its clients.
        is_proxy = settings.proxies.trusts(peer)
        return MOST_OF_PROXY if is_proxy else settings.max_connections_per_address

    def _refuse(self, connection: socket.socket) -> None:
        metrics.CONNECTIONS_REFUSED.labels("connections_of_address").inc()
        # A client of TLS could not read it.
        if self._tls is None:
            with suppress(OSError):
                connection.send(refusal_response(HTTPStatus.TOO_MANY_REQUESTS))
        connection.close()

    # -- opening ------------------------------------------------------------------------------------------

    def _open_waiting(self, connection: socket.socket, key: str) -> None:
        self._waiting_of.close(key)
        if connection in self._waiting:
            self._waiting.remove(connection)
            self._open(connection)

    def _open(self, connection: socket.socket) -> None:
        task = self._loop.create_task(self._connect(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, connection: socket.socket) -> None:
        # A client that is gone, or that breaks the protocol of TLS, is no fault of the server.
        with suppress(OSError):
            transport, _ = await self._loop.connect_accepted_socket(
                self._create_protocol, connection, ssl=self._tls
            )
            # Not cancelled when the server stops: uvloop would close a connection without a word to its protocol.
            if self._is_closed:
                transport.close()
