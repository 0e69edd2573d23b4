"""What all writers have in common: what they write, at which rate, and the record of it."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any, ClassVar

from tests.chaos.history import Claim, canonical_json, canonical_time

TYPES = ("general", "approval", "reports.weekly")
UNWANTED = "marketing"
"""The type that users turn off and on. Sends of it are rarely delivered."""
SOON_SECONDS = (1.5, 4.0)
LATER_SECONDS = 1800.0
"""Sooner than a clock that is an hour ahead believes; nothing may expire before its time because of that."""
LINKS = (None, "/reports/7", "https://example.com/a?b=c#d")
NAMES = ("Bo", "Cyd", "Dé", "Eva")
GROUP_KEYS = ("post 7", "Größe 🎉")
WORDS = ("invoice", "naïve", "Größe", "日本語", "🎉", "a\nb", '"quoted"', "<b>", "\\back")

Action = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Orders:
    """What a writer's process does: `style` is a key of `writers.STYLES`.

    `operator` is the primary key and the token of a user who may send to anybody. `title` is for a style that sends
    one thing only.
    """

    name: str
    style: str
    seed: int
    inboxes: Sequence[int]
    tokens: Sequence[str]
    servers: Sequence[str]
    per_second: float
    record: str
    operator: tuple[int, str] = (0, "")
    title: str = ""


class Writer:
    """Does one thing after the other and records it."""

    path: ClassVar[str]

    def __init__(self, orders: Orders, record: IO[str]) -> None:
        self.orders = orders
        self.rng = random.Random(orders.seed)
        self.stopping = False
        self.is_thorough = True
        """Whether to do everything that an action can do: so at first, for each action once."""
        self._opening: list[Action] = []
        self._has_opened = False
        self._record = record
        self._number = 0

    def run(self) -> None:
        """Write at the rate given until SIGTERM."""
        due = time.monotonic()
        while not self.stopping:
            self.write()
            due = max(due + 1 / self.orders.per_second, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    def write(self) -> None:
        """Do one thing."""
        raise NotImplementedError

    @contextmanager
    def choose(self, actions: Mapping[Action, int]) -> Iterator[Action]:
        """Choose an action by weight; at first each once, and again if it could not be done."""
        if not self._has_opened:
            self._opening = self.rng.sample(list(actions), len(actions))
            self._has_opened = True
        self.is_thorough = bool(self._opening)
        if not self._opening:
            (action,) = self.rng.choices(list(actions), weights=list(actions.values()))
            yield action
            return
        action = self._opening.pop()
        try:
            yield action
        except BaseException:
            self._opening.insert(0, action)
            raise

    def title(self) -> str:
        """Return a title that no other writer uses."""
        self._number += 1
        # With the process: a writer that is started again counts from 1 again.
        return f"{self.orders.name}-{os.getpid()}-{self._number}"

    def content(self) -> dict[str, Any]:
        """Return a notification's content, but for title and expiry; no two are the same."""
        words = " ".join(self.rng.choices(WORDS, k=self.rng.randrange(6)))
        data: dict[str, Any] = {
            word: self.rng.choice([self.rng.randrange(1000), 1.5, None, True, [1, "é"], {"a": {}}])
            for word in self.rng.sample(WORDS, self.rng.randrange(4))
        }
        return {
            "type": self.rng.choice(TYPES),
            "message": f"{words} {self._number}".strip(),
            "link": self.rng.choice(LINKS),
            "data": data,
            "icon": self.rng.choice((None, "bell", "/icons/7.svg")),
            "actor": self.rng.choice(
                (None, {"name": "Ana", "picture": "/ana.png"}, *({"name": each} for each in NAMES))
            ),
            "actions": self.rng.choice((None, [{"label": words.strip() or "Open", "link": "/7"}])),
            "group_key": self.rng.choice((None, None, None, *GROUP_KEYS)),
        }

    def expiry(self) -> datetime:
        """Return a moment, by a clock that is right, at which something expires: soon, or after this run."""
        seconds = self.rng.uniform(*SOON_SECONDS) if self.rng.random() < 0.7 else LATER_SECONDS
        return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)

    def claim(self, inbox: int, what: str, outcome: str, **more: Any) -> None:
        """Record what was done, or will be tried."""
        claim = Claim(self.orders.name, inbox, what, outcome, path=self.path, **more)
        self._record.write(json.dumps(asdict(claim)) + "\n")
        self._record.flush()


def recorded(content: Mapping[str, Any], sender: int | None = None) -> dict[str, str]:
    """Return content as the checker compares it."""
    return {
        "type": content.get("type", "general"),
        "message": content.get("message", ""),
        "link": content.get("link") or "",
        "data": canonical_json(content.get("data") or {}),
        "expires_at": canonical_time(content.get("expires_at")),
        "sender": "" if sender is None else str(sender),
        "group_key": content.get("group_key") or "",
    }
