"""Clients with real sockets, for each door: they follow one inbox, come back when they are cut off, and remember."""

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

PATIENCE_SECONDS = 10.0
"""How long a client waits for a handshake, or for the answer to a ping, before it tries anew."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds before a client tries again, doubled each time; a random part of it is waited."""


class ServerRefused(Exception):
    """Raised when the server answers with an error, or ends what should not end."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one client is: which inbox it follows, at which door, and how it chooses."""

    name: str
    inbox: int
    token: str
    door: str
    seed: int


class Client(ABC):
    """One device. Its connections come and go; what it has seen stays."""

    path: str
    subprotocol: str | None = None

    def __init__(self, part: Part, servers: Sequence[str]) -> None:
        self.part = part
        self.items: list[Item] = []
        self.is_following = False
        self._servers = servers
        self._dice = random.Random(part.seed)
        self._connection: ClientConnection | None = None
        self._abandoned: list[ClientConnection] = []
        self._may_connect = asyncio.Event()
        self._may_connect.set()
        self._away = 0.0
        self._every = 0.0
        self._dropper: asyncio.Task[None] | None = None
        self._deaf = False
        self._failed = ""
        self._reading: asyncio.Task[str] | None = None

    # -- what may be done to it ---------------------------------------------------------------------------

    def drop(self, away: float) -> None:
        """Break the connection without a word, and come back after so many seconds, more or less."""
        self._away = away * self._dice.uniform(0.8, 1.2)
        if self._connection is not None:
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
        await asyncio.sleep(self._dice.uniform(0, every))
        while True:
            self.drop(away)
            await asyncio.sleep(every + away)

    def stop_reading(self) -> None:
        """Take nothing from the socket any more, so that the server cannot send."""
        self._deaf = True
        if self._connection is not None:
            _pause(self._connection)

    def read_on(self) -> None:
        """Read again, from where it was left."""
        self._deaf = False
        if self._connection is not None and not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()

    def abandon(self) -> None:
        """Forget the connection: it stays open, nobody reads it or answers on it. Connects anew."""
        if self._connection is not None and self._reading is not None:
            _pause(self._connection)
            if self._connection.keepalive_task is not None:
                self._connection.keepalive_task.cancel()
            self._abandoned.append(self._connection)
            self._reading.cancel()

    def bury(self) -> None:
        """Close what was abandoned."""
        for connection in self._abandoned:
            connection.transport.abort()
        self._abandoned.clear()

    # -- its life -----------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Connect, follow, and connect again, until cancelled."""
        wait = FIRST_WAIT
        while True:
            await self._may_connect.wait()
            began = time.monotonic()
            why = await self._one_connection(began)
            was_following, self.is_following = self.is_following, False
            self.items.append(Closed(time.monotonic(), why))
            wait = FIRST_WAIT if was_following else min(2 * wait, LONGEST_WAIT)
            away, self._away = self._away, 0.0
            await asyncio.sleep(away or self._dice.uniform(wait / 2, wait))

    async def _one_connection(self, began: float) -> str:
        """Follow over one connection; return why it ended."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._connection = await self._connect()
            if self._deaf:
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
        self._failed = self._dice.choice(others or self._servers)
        connection = await connect(
            f"{self._failed}{self.path}",
            subprotocols=offered,
            compression=None,
            proxy=None,
            max_size=None,
            open_timeout=None,
            ping_interval=PATIENCE_SECONDS,
            ping_timeout=PATIENCE_SECONDS,
            close_timeout=1,
        )
        self._failed = ""
        return connection

    async def _follow(self, connection: ClientConnection, began: float) -> str:
        async with asyncio.timeout(PATIENCE_SECONDS) as limit:
            await self.begin(connection, began)
            limit.reschedule(None)
            try:
                async for frame in connection:
                    await self.hear(connection, json.loads(frame))
            finally:
                self.end()
        return f"closed with {connection.close_code}"

    @abstractmethod
    async def begin(self, connection: ClientConnection, began: float) -> None:
        """Say who is there, and ask for what follows."""

    @abstractmethod
    async def hear(self, connection: ClientConnection, message: dict[str, Any]) -> None:
        """Take a message."""

    def end(self) -> None:  # noqa: B027  # not every client has something to note
        """Take note that the connection has ended."""

    @abstractmethod
    def knows(self) -> object:
        """Return what it knows of its inbox, as far as that can be compared: a position, or a list's digest."""


def _pause(connection: ClientConnection) -> None:
    """Take nothing from the socket any more."""
    if not connection.transport.is_closing():
        connection.transport.pause_reading()
