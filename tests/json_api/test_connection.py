"""A connection that the server ends: what was asked is answered first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from live_inbox.conf import inbox_settings
from live_inbox.delivery.batch import Batch
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Kind
from live_inbox.feed import Tell
from live_inbox.identity.callers import Caller
from live_inbox.json_api.connection import Connection
from live_inbox.json_api.messages import Action, NotificationChanged, notification_changed
from live_inbox.json_api.protocol import LegacyProtocol
from live_inbox.limits.rate import Meter, RateLimit

pytestmark = pytest.mark.stack("embedded")

READ = Event(
    inbox="1",
    epoch="e",
    sequence=1,
    kind=Kind.READ,
    occurred_at=datetime(2026, 1, 31, tzinfo=UTC),
    unread_count=0,
    total_count=1,
    notification_id=5,
)


class Wire:
    """The server's side: what comes in is put in, what goes out is kept."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.messages: list[Any] = []
        self.code: int | None = None

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    def say(self, **message: Any) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        assert self.code is None, "nothing is said after the close"
        self.messages += [json.loads(message) for message in messages]
        return None

    async def close(self, code: int, reason: str) -> None:
        self.code = code
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": code})

    def discard(self) -> None: ...

    def ending(self) -> tuple[int | None, list[Any]]:
        return self.code, self.messages


class Following:
    """The feed, played by the test."""

    position = Position("e", 0)

    def start(self, tell: Tell, failed: Any) -> None:
        self.tell = tell

    def stop(self) -> None: ...


class Room:
    """A connection, everything around it, and an action that takes as long as the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wire, self.following = Wire(), Following()
        self.may_perform = asyncio.Event()
        monkeypatch.setattr("live_inbox.json_api.connection.in_database_thread", self._perform)
        self.connection = Connection(
            object.__new__(Caller),
            LegacyProtocol(after=0),
            Meter(RateLimit.parse("100/second")),
            self.wire.receive,
            self.wire,
        )
        self.task = asyncio.create_task(self.connection.run(self.following))  # type: ignore[arg-type]

    async def _perform(
        self, function: Any, caller: Caller, action: Action
    ) -> tuple[NotificationChanged, int]:
        await self.may_perform.wait()
        return notification_changed("notification_marked_read", 5), 1

    def tell(self, *items: Event) -> None:
        self.following.tell(Batch(items, items[-1].position))

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


CONFIRMED = {"type": "notification_marked_read", "notification_id": 5, "success": True}


async def test_an_idle_socket_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(monkeypatch)
    await room.settle()
    room.connection.shut_down()
    await room.task
    assert room.wire.ending() == (1012, [])


async def test_what_was_asked_is_answered_before_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(monkeypatch)
    room.wire.say(type="mark_read", notification_id=5)
    await room.settle()
    room.connection.shut_down()
    room.wire.say(type="mark_read", notification_id=6)  # too late: it is not heard
    await room.settle()
    assert room.wire.ending() == (None, [])
    room.may_perform.set()
    await room.settle()
    # Done, but its place in the stream is that of its event, which has not come yet.
    assert room.wire.ending() == (None, [])
    room.tell(READ)
    await room.task
    assert room.wire.ending() == (1012, [CONFIRMED])


async def test_no_socket_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = inbox_settings().model_copy(update={"drain_seconds": 0.0})
    monkeypatch.setattr("live_inbox.json_api.connection.inbox_settings", lambda: settings)
    room = Room(monkeypatch)
    room.wire.say(type="mark_read", notification_id=5)
    await room.settle()
    room.connection.shut_down()
    await room.task
    assert room.wire.ending() == (1012, [])


async def test_events_that_come_in_the_meantime_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(monkeypatch)
    room.wire.say(type="mark_read", notification_id=5)
    await room.settle()
    room.connection.shut_down()
    room.may_perform.set()
    await room.settle()
    room.tell(READ, replace(READ, sequence=2, kind=Kind.DELETED))
    await room.task
    gone = {"type": "notification_deleted", "notification_id": 5, "success": True}
    assert room.wire.ending() == (1012, [CONFIRMED, gone])
