"""Channel layers whose doorbells can be made to get lost, come twice, late and in the wrong order.

The orders are in a file that may change while the process runs: `{"lost": 0.3, "doubled": 0.2, "late": 0.3,
"seconds": 1.5, "seed": 7}`, the first three as probabilities. A doorbell that is late overtakes none of those that
are on time, and is overtaken by them: that is the wrong order.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from channels.layers import InMemoryChannelLayer

from live_inbox.delivery.redis_layer import RedisLayer

LOOK_SECONDS = 0.1

Publish = Callable[[str, dict[str, Any]], Awaitable[None]]


class Orders:
    """What is to happen to doorbells, as the file says at the moment."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._said: dict[str, float] = {}
        self._dice = random.Random()
        self._read_at = float("-inf")

    def delays(self) -> list[float]:
        """Return after how many seconds the next doorbell rings: none if it is lost, two if it comes twice."""
        said = self._read()
        if not said or self._dice.random() < said.get("lost", 0):
            return [] if said else [0.0]
        times = 2 if self._dice.random() < said.get("doubled", 0) else 1
        return [self._delay(said) for _ in range(times)]

    def _delay(self, said: dict[str, float]) -> float:
        if self._dice.random() < said.get("late", 0):
            return self._dice.uniform(0, said.get("seconds", 1.0))
        return 0.0

    def _read(self) -> dict[str, float]:
        if self._clock() - self._read_at >= LOOK_SECONDS:
            self._read_at = self._clock()
            try:
                said = json.loads(self._file.read_text() or "{}")
            except FileNotFoundError:
                said = {}
            if said != self._said:
                self._said, self._dice = said, random.Random(said.get("seed"))
        return self._said


class _Faulty:
    """Publishes as it was ordered."""

    def __init__(self, orders: str) -> None:
        self._orders = Orders(Path(orders))
        self._late: set[asyncio.Task[None]] = set()

    async def publish(self, publish: Publish, group: str, message: dict[str, Any]) -> None:
        """Publish now, later, twice or never."""
        for seconds in self._orders.delays():
            if seconds:
                late = asyncio.create_task(self._publish_late(seconds, publish, group, message))
                self._late.add(late)
                late.add_done_callback(self._late.discard)
            else:
                await publish(group, message)

    async def _publish_late(
        self, seconds: float, publish: Publish, group: str, message: dict[str, Any]
    ) -> None:
        await asyncio.sleep(seconds)
        try:
            await publish(group, message)
        except Exception:
            # Nobody waits for it any more: it is lost.
            return


class FaultyRedisLayer(RedisLayer):
    """Production's layer."""

    def __init__(self, *, orders: str, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._faulty = _Faulty(orders)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Publish as it was ordered."""
        await self._faulty.publish(super().group_send, group, message)


class FaultyMemoryLayer(InMemoryChannelLayer):
    """The embedded stack's layer."""

    def __init__(self, *, orders: str, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._faulty = _Faulty(orders)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Publish as it was ordered."""
        await self._faulty.publish(super().group_send, group, message)
