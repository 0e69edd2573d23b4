"""Clients with real sockets, for each protocol: they follow one inbox, reconnect, and keep their history."""

from __future__ import annotations

import asyncio
import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.chaos.history import Closed, Item

TIMEOUT_SECONDS = 10.0
"""How long a client waits for a handshake, or for the answer to a ping, before it tries anew."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds before a client tries again, doubled each time; with random jitter."""


class ServerRefused(Exception):
    """Raised when the server answers with an error, or ends what should not end."""


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """What one client is: its inbox, its protocol, and the seed of its random choices."""

    name: str
    inbox: int
    token: str
    protocol: str
    seed: int


class Client(ABC):
    """One device. Its history spans all its connections."""

    path: str
    subprotocol: str | None = None

    def __init__(self, spec: ClientSpec, servers: Sequence[str]) -> None:
        self.spec = spec
        self.items: list[Item] = []
        self.is_following = False
        self._servers = servers
        self._rng = random.Random(spec.seed)
        self._connection: ClientConnection | None = None
        self._abandoned: list[ClientConnection] = []
        self._may_connect = asyncio.Event()
        self._may_connect.set()
        self._away = 0.0
        self._every = 0.0
        self._dropper: asyncio.Task[None] | None = None
        self._reading_paused = False
        self._failed = ""
        self._was_cut = False
        self._reading: asyncio.Task[str] | None = None

    # -- requests -----------------------------------------------------------------------------------------

    def drop(self, away: float) -> None:
        """Break the connection without a close frame, and reconnect after about `away` seconds."""
        self._away = away * self._rng.uniform(0.8, 1.2)
        if self._connection is not None:
            self._was_cut = True
            self._connection.transport.abort()

    def stay_away(self) -> None:
        """Break the connection and do not come back before `come_back`."""
        self._may_connect.clear()
        self.drop(0)

    def come_back(self) -> None:
        """Connect again."""
        self._may_connect.set()

    def drop_often(self, every: float, away: float) -> None:
        """Break each connection after `every` seconds, or never if that is 0. Begins at a random moment."""
        if self._dropper is not None:
            self._dropper.cancel()
            self._dropper = None
        if every:
            self._dropper = asyncio.create_task(self._drop_often(every, away))

    async def _drop_often(self, every: float, away: float) -> None:
        await asyncio.sleep(self._rng.uniform(0, every))
        while True:
            self.drop(away)
            await asyncio.sleep(every + away)

    def stop_reading(self) -> None:
        """Stop reading from the socket, so that the server's buffers fill."""
        self._reading_paused = True
        if self._connection is not None:
            _pause(self._connection)

    def resume_reading(self) -> None:
        """Read again, from where it was left."""
        self._reading_paused = False
        if self._connection is not None and not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    def abandon(self) -> None:
        """Leave the connection half-open, unread and unanswered, and open a new one."""
        if self._connection is not None and self._reading is not None:
            _pause(self._connection)
            if self._connection.keepalive_task is not None:
                self._connection.keepalive_task.cancel()
            self._abandoned.append(self._connection)
            self._reading.cancel()

    def close_abandoned(self) -> None:
        """Close the abandoned connections."""
        for connection in self._abandoned:
            connection.transport.abort()
        self._abandoned.clear()

    # -- connections --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, follow, and connect again, until cancelled."""
        wait = FIRST_WAIT
        while True:
            await self._may_connect.wait()
            began = time.monotonic()
            why = await self._one_connection(began)
            was_following, self.is_following = self.is_following, False
            if self._was_cut:
                why, self._was_cut = "cut off", False
            self.items.append(Closed(time.monotonic(), why))
            wait = FIRST_WAIT if was_following else min(2 * wait, LONGEST_WAIT)
            away, self._away = self._away, 0.0
            await asyncio.sleep(away or self._rng.uniform(wait / 2, wait))

    async def _one_connection(self, began: float) -> str:
        """Follow over one connection; return why it ended."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                self._connection = await self._connect()
            if self._reading_paused:
                _pause(self._connection)
            self._reading = asyncio.create_task(self._follow(self._connection, began))
            await asyncio.wait({self._reading})
            return "abandoned" if self._reading.cancelled() else str(self._reading.result())
        except (OSError, WebSocketException, TimeoutError, ServerRefused) as error:
            return f"{type(error).__name__}: {error}"[:120]
        finally:
            if self._reading is not None:
                self._reading.cancel()
            self._connection = self._reading = None

    async def _connect(self) -> ClientConnection:
        offered = None if self.subprotocol is None else [Subprotocol(self.subprotocol)]
        # As a load balancer does it: not again the one that did not answer.
        others = [server for server in self._servers if server != self._failed]
        self._failed = self._rng.choice(others or self._servers)
        connection = await connect(
            f"{self._failed}{self.path}",
            subprotocols=offered,
            compression=None,
            proxy=None,
            max_size=None,
            open_timeout=None,
            ping_interval=TIMEOUT_SECONDS,
            ping_timeout=TIMEOUT_SECONDS,
            close_timeout=1,
        )
        self._failed = ""
        return connection

    async def _follow(self, connection: ClientConnection, began: float) -> str:
        async with asyncio.timeout(TIMEOUT_SECONDS) as limit:
            await self.begin(connection, began)
            limit.reschedule(None)
            try:
                async for frame in connection:
                    await self.on_message(connection, json.loads(frame))
            finally:
                self.end()
        return f"closed with {connection.close_code}"

    @abstractmethod
    async def begin(self, connection: ClientConnection, began: float) -> None:
        """Authenticate, and subscribe."""

    @abstractmethod
    async def on_message(self, connection: ClientConnection, message: dict[str, Any]) -> None:
        """Process a message."""

    def end(self) -> None:  # noqa: B027  # not every client has something to note
        """Record that the connection has ended."""

    async def read_final_list(self) -> None:  # noqa: B027  # not every client has to ask for it
        """Read the whole list once more, over the open connection."""

    @abstractmethod
    def known_state(self) -> object:
        """Return the client's state in a form that can be compared: a position, or the digest of its list."""


def _pause(connection: ClientConnection) -> None:
    """Stop reading from the socket."""
    if not connection.transport.is_closing():
        connection.transport.pause_reading()
