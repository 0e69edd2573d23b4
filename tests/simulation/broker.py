"""The simulated channel layer: a broker that loses, doubles, delays and reorders, and what a process has of it."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Message = dict[str, Any]
OnMessages = Callable[[list[Message]], object]

_QUICK = 0.002
_RECONNECT_SECONDS = 1.0
"""The longest that a client of Redis takes to notice that it can connect again."""


@dataclass
class Weather:
    """What becomes of messages on their way to one receiver."""

    lost: float = 0.0
    """The part that is lost: from 0 to 1."""
    doubled: float = 0.0
    longest: float = _QUICK
    """The longest way, in seconds. Messages that take longer than others come after them."""


class Link(Enum):
    """The state of one process's connection to the broker."""

    WORKS = auto()
    BROKEN = auto()
    """Calls fail."""
    SILENT = auto()
    """Calls get no answer, and messages are lost."""


class Broker:
    """Carries messages to the members of groups."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.weather = Weather()
        self.is_up = True
        self.members: dict[str, dict[LayerConnection, None]] = {}
        self.connections: dict[LayerConnection, None] = {}

    def send(self, group: str, message: Message) -> None:
        """Carry a message to each member, as the weather allows."""
        loop = asyncio.get_running_loop()
        for member in self.members.get(group, ()):
            for _ in range(self._copies()):
                delay = self.rng.random() * self.weather.longest
                loop.call_later(delay, member.deliver, message)

    def _copies(self) -> int:
        chance = self.rng.random()
        if chance < self.weather.lost:
            return 0
        return 2 if chance > 1 - self.weather.doubled else 1

    def stop(self) -> None:
        """Go down: connections break, and memberships are forgotten."""
        self.is_up = False
        self.members.clear()
        for connection in list(self.connections):
            connection.lose()

    def start(self) -> None:
        """Come back, with nothing."""
        self.is_up = True
        for connection in list(self.connections):
            connection.reconnect_soon()


class LayerConnection:
    """The channel layer of one process, in the manner of Redis pub/sub: it joins its groups again by itself.

    When the connection is lost, `receive_into` raises once. When it is there again, it returns at once.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._groups: dict[str, None] = {}
        self._on_messages: OnMessages | None = None
        self._signals: deque[list[Message] | Exception] = deque()
        self._wake = asyncio.Event()
        self.link = Link.WORKS if broker.is_up else Link.BROKEN
        broker.connections[self] = None

    # -- the interface of a channel layer -----------------------------------------------------------------

    async def group_add(self, group: str, channel: str) -> None:
        """Become a member; after a failure, when the connection is there again."""
        self._groups[group] = None
        await self._call()
        self._join(group)

    async def group_discard(self, group: str, channel: str) -> None:
        """Be no member any more."""
        self._groups.pop(group, None)
        await self._call()
        self._broker.members.get(group, {}).pop(self, None)

    async def group_send(self, group: str, message: Message) -> None:
        """Publish."""
        await self._call()
        if self in self._broker.connections:
            self._broker.send(group, message)

    async def receive_into(self, channel: str, on_messages: OnMessages) -> list[Message]:
        """Call `on_messages` with what arrives, until the connection is lost or restored."""
        # A message arrives in the receiver's context, not in that of who has sent it.
        context = copy_context()
        self._on_messages = lambda messages: context.run(on_messages, messages)
        return await self._next_signal()

    async def receive(self, channel: str) -> Message:
        """Wait for one message. The hub uses `receive_into` where there is one."""
        raise NotImplementedError

    # -- what happens to it -------------------------------------------------------------------------------

    def deliver(self, message: Message) -> None:
        """Let a message arrive, if the connection works."""
        if self.link is Link.WORKS and self in self._broker.connections:
            self._take(message)

    def lose(self) -> None:
        """Break the connection."""
        self._forget()
        self.link = Link.BROKEN
        self._signal(ConnectionError("the connection to the broker is lost"))

    def fall_silent(self) -> None:
        """Carry nothing from now on, without a sign."""
        if self.link is Link.WORKS:
            self.link = Link.SILENT

    def reconnect_soon(self) -> None:
        """Connect again, some time after that has become possible."""
        delay = self._broker.rng.random() * _RECONNECT_SECONDS
        asyncio.get_running_loop().call_later(delay, self._reconnect)

    def heal(self) -> None:
        """End a silence: the connection goes on, or turns out to have been lost."""
        if self.link is Link.SILENT:
            if self._broker.is_up and self._broker.rng.random() < 0.5:
                self.link = Link.WORKS
            else:
                self.lose()
        if self._broker.is_up and self.link is Link.BROKEN:
            self.reconnect_soon()

    def close(self) -> None:
        """End with the process."""
        self._forget()
        self._broker.connections.pop(self, None)

    @property
    def is_restored(self) -> bool:
        """Whether it works, and is a member of every group that was asked for."""
        members = self._broker.members
        return self.link is Link.WORKS and all(self in members.get(g, ()) for g in self._groups)

    # -- the parts ----------------------------------------------------------------------------------------

    async def _call(self) -> None:
        """Take the time of a call to the broker; fail or hang as the connection does."""
        if self not in self._broker.connections:
            return
        await asyncio.sleep(self._broker.rng.random() * _QUICK)
        if self.link is Link.BROKEN:
            raise ConnectionError("no connection to the broker")
        if self.link is Link.SILENT:
            await asyncio.get_running_loop().create_future()

    def _join(self, group: str) -> None:
        if self in self._broker.connections:
            self._broker.members.setdefault(group, {})[self] = None

    def _reconnect(self) -> None:
        if self.link is Link.BROKEN and self._broker.is_up and self in self._broker.connections:
            self.link = Link.WORKS
            for group in self._groups:
                self._join(group)
            self._restored()

    def _restored(self) -> None:
        self._signal([])

    def _take(self, message: Message) -> None:
        if self._on_messages is not None:
            self._on_messages([message])

    def _forget(self) -> None:
        for members in self._broker.members.values():
            members.pop(self, None)

    def _signal(self, signal: list[Message] | Exception) -> None:
        self._signals.append(signal)
        self._wake.set()

    async def _next_signal(self) -> list[Message]:
        while not self._signals:
            self._wake.clear()
            await self._wake.wait()
        signal = self._signals.popleft()
        if isinstance(signal, Exception):
            raise signal
        return signal


class CoreLayerConnection(LayerConnection):
    """In the manner of channels-redis' core layer: no call-back, and memberships that have to be renewed.

    They are in the broker, which forgets them when it restarts. `receive` fails for as long as the broker is away.
    """

    receive_into = None  # type: ignore[assignment]  # an extension that this layer does not have
    group_expiry = 40

    async def receive(self, channel: str) -> Message:
        """Wait for one message; raise ConnectionError while there is no connection."""
        while True:
            if self.link is Link.BROKEN:
                self._signals.clear()
                raise ConnectionError("no connection to the broker")
            messages = await self._next_signal()
            if messages:
                return messages[0]

    def _restored(self) -> None:
        self._forget()

    def _take(self, message: Message) -> None:
        self._signal([message])
