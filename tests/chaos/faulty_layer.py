"""Channel layers that can lose, duplicate, delay and reorder doorbells.

The rules are in a file that may change while the process runs: `{"lost": 0.3, "doubled": 0.2, "late": 0.3,
"seconds": 1.5, "seed": 7}`, the first three as probabilities. Doorbells that are on
time overtake a late one: that is the reordering.
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

POLL_SECONDS = 0.1

Publish = Callable[[str, dict[str, Any]], Awaitable[None]]


class DoorbellRules:
    """What happens to doorbells, by the present content of the file."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._rules: dict[str, float] = {}
        self._rng = random.Random()
        self._read_at = float("-inf")

    def delays(self) -> list[float]:
        """Return after how many seconds the next doorbell rings: none if it is lost, two if it comes twice."""
        rules = self._read()
        if not rules:
            return [0.0]
        if self._rng.random() < rules.get("lost", 0):
            return self._done("lost", [])
        times = 2 if self._rng.random() < rules.get("doubled", 0) else 1
        delays = [self._delay(rules) for _ in range(times)]
        return delays if times == 1 else self._done("doubled", delays)

    def _delay(self, rules: dict[str, float]) -> float:
        if self._rng.random() < rules.get("late", 0):
            (delay,) = self._done("late", [self._rng.uniform(0, rules.get("seconds", 1.0))])
            return delay
        return 0.0

    def _done(self, what: str, delays: list[float]) -> list[float]:
        """Count what was done, where all processes count it: by the size of a file."""
        with self._file.with_name(f"{self._file.name}.{what}").open("a") as count:
            count.write(".")
        return delays

    def _read(self) -> dict[str, float]:
        if self._clock() - self._read_at >= POLL_SECONDS:
            self._read_at = self._clock()
            try:
                rules = json.loads(self._file.read_text() or "{}")
            except FileNotFoundError:
                rules = {}
            except OSError:
                # Another fault has taken the process's descriptors.
                rules = self._rules
            if rules != self._rules:
                self._rules, self._rng = rules, random.Random(rules.get("seed"))
        return self._rules


class _Faulty:
    """Publishes by the rules."""

    def __init__(self, rules: str) -> None:
        self._rules = DoorbellRules(Path(rules))
        self._late: set[asyncio.Task[None]] = set()

    async def publish(self, publish: Publish, group: str, message: dict[str, Any]) -> None:
        """Publish now, later, twice or never."""
        for seconds in self._rules.delays():
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
            # No caller waits for it any more: it is lost.
            return


class FaultyRedisLayer(RedisLayer):
    """Production's layer."""

    def __init__(self, *, rules: str, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._faulty = _Faulty(rules)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Publish by the rules."""
        # channels-redis' layer has no such method: its `__getattr__` finds that of the running loop.
        await self._faulty.publish(super().__getattr__("group_send"), group, message)


class FaultyMemoryLayer(InMemoryChannelLayer):
    """The embedded stack's layer."""

    def __init__(self, *, rules: str, **configuration: Any) -> None:
        super().__init__(**configuration)
        self._faulty = _Faulty(rules)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Publish by the rules."""
        await self._faulty.publish(super().group_send, group, message)
