"""A connection that the server ends: what was asked is answered first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from msgspec.structs import replace

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.position import Position
from live_inbox.events import Event, Kind
from live_inbox.feed import Deliver
from live_inbox.identity.admissions import Admissions
from live_inbox.identity.callers import Caller
from live_inbox.json_api.close_codes import close_frame_for
from live_inbox.json_api.connection import JsonConnection
from live_inbox.json_api.messages import Action, NotificationChanged, notification_changed
from live_inbox.json_api.protocol import JsonProtocol
from live_inbox.limits.rate import RateLimit
from live_inbox.request_threads import Use
from live_inbox.sockets.session import SocketConfig, SocketSession

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


class FakeSocket:
    """The server's side: what comes in is put in, what goes out is kept."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.messages: list[Any] = []
        self.code: int | None = None

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    def receives(self, **message: Any) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        assert self.code is None, "nothing is said after the close"
        self.messages += [json.loads(message) for message in messages]
        return None

    async def close(self, code: int, reason: str) -> None:
        self.code = code
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": code})

    def room(self) -> Awaitable[None] | None:
        return None

    def discard(self) -> None: ...

    def ending(self) -> tuple[int | None, list[Any]]:
        return self.code, self.messages


class FakeFollowing:
    """A fake of the feed."""

    position = Position("e", 0)

    def start(self, deliver: Deliver, failed: Any) -> None:
        self.deliver = deliver

    def stop(self) -> None: ...


async def _no_statuses(user_ids: Any) -> Any:
    return {}


class ServedConnection:
    """A connection, everything around it, and an action that takes as long as the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, drain_seconds: float = 2.0) -> None:
        self.socket, self.following = FakeSocket(), FakeFollowing()
        self.may_perform = asyncio.Event()
        monkeypatch.setattr("live_inbox.json_api.connection.in_request_thread", self._perform)
        config = SocketConfig(
            api="json",
            admissions=Admissions(_no_statuses),
            rate=RateLimit.parse("100/second"),
            max_message_bytes=1024,
            admission_seconds=10.0,
            drain_seconds=drain_seconds,
            close_frame=close_frame_for,
        )
        self.session = SocketSession({}, self.socket.receive, self.socket, config)
        self.session.caller = Caller(User(pk=1))
        self.task = asyncio.create_task(self.session.run(self._open))

    async def _open(self, session: SocketSession) -> JsonConnection:
        following: Any = self.following
        return JsonConnection(session, JsonProtocol(after=0), following)

    async def _perform(
        self, use: Use, function: Any, caller: Caller, action: Action
    ) -> tuple[NotificationChanged, int]:
        await self.may_perform.wait()
        return notification_changed("notification_marked_read", 5), 1

    def deliver(self, *items: Event) -> None:
        self.following.deliver(Batch(items, items[-1].position))

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


CONFIRMED = {"type": "notification_marked_read", "notification_id": 5, "success": True}


async def test_an_idle_socket_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    served = ServedConnection(monkeypatch)
    await served.settle()
    served.session.shut_down()
    await served.task
    assert served.socket.ending() == (1012, [])


async def test_what_was_asked_is_answered_before_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    served = ServedConnection(monkeypatch)
    served.socket.receives(type="mark_read", notification_id=5)
    await served.settle()
    served.session.shut_down()
    served.socket.receives(type="mark_read", notification_id=6)  # too late: it is ignored
    await served.settle()
    assert served.socket.ending() == (None, [])
    served.may_perform.set()
    await served.settle()
    # Done, but its place in the stream is that of its event, which has not come yet.
    assert served.socket.ending() == (None, [])
    served.deliver(READ)
    await served.task
    assert served.socket.ending() == (1012, [CONFIRMED])


async def test_no_socket_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    served = ServedConnection(monkeypatch, drain_seconds=0.0)
    served.socket.receives(type="mark_read", notification_id=5)
    await served.settle()
    served.session.shut_down()
    await served.task
    assert served.socket.ending() == (1012, [])


async def test_events_that_come_in_the_meantime_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    served = ServedConnection(monkeypatch)
    served.socket.receives(type="mark_read", notification_id=5)
    await served.settle()
    served.session.shut_down()
    served.may_perform.set()
    await served.settle()
    served.deliver(READ, replace(READ, sequence=2, kind=Kind.DELETED))
    await served.task
    gone = {"type": "notification_deleted", "notification_id": 5, "success": True}
    assert served.socket.ending() == (1012, [CONFIRMED, gone])
