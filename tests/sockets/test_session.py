"""The session of a socket: limits, admission, draining and the close, with a fake server and a fake protocol."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from live_inbox.delivery.hub import HubClosed
from live_inbox.identity.admissions import AccountStatus, Admissions
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.limits.rate import RateLimit
from live_inbox.sockets import session
from live_inbox.sockets.known_addresses import known_addresses
from live_inbox.sockets.session import (
    CloseReason,
    SocketConfig,
    SocketSession,
    WireProtocol,
    is_longer,
)

pytestmark = pytest.mark.stack("embedded")

CODES = {
    CloseReason.RATE_LIMITED: 4001,
    CloseReason.ACCESS_ENDED: 4002,
    CloseReason.RESTARTING: 4003,
    CloseReason.FAILED: 4004,
}


def close_frame(ending: CloseReason, detail: str) -> tuple[int, str]:
    return CODES[ending], detail


class FakeSocket:
    """The server's side of a socket: what the client sends is queued, what it receives is kept."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[bytes] = []
        self.closes: list[tuple[int, str]] = []
        self.is_discarded = False
        self.full: asyncio.Future[None] | None = None

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    def receives(self, message: str | bytes) -> None:
        key = "text" if isinstance(message, str) else "bytes"
        self.incoming.put_nowait({"type": "websocket.receive", key: message})

    def disconnects(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})

    def write(self, messages: Sequence[bytes]) -> Awaitable[None] | None:
        self.sent += messages
        return None

    async def close(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))
        self.disconnects()

    def room(self) -> Awaitable[None] | None:
        return self.full

    def discard(self) -> None:
        self.is_discarded = True


class EchoProtocol(WireProtocol):
    """Notes what the session calls, and sends texts back. `error` is raised, `room` is awaited, by the next text."""

    def __init__(self, session: SocketSession) -> None:
        self.session = session
        self.calls: list[Any] = []
        self.error: Exception | None = None
        self.room: asyncio.Future[None] | None = None

    def start(self) -> None:
        self.calls.append("start")

    def handle_text(self, text: str) -> Awaitable[None] | None:
        self.calls.append(text)
        if self.error is not None:
            raise self.error
        self.session.write([text.encode()])
        return self.room

    def handle_binary(self, data: bytes) -> None:
        self.calls.append(data)

    def handle_oversized(self, message: str | bytes) -> None:
        self.calls.append(("oversized", message))

    def drain(self) -> None:
        self.calls.append("drain")

    def on_close(self) -> None:
        self.calls.append("on_close")

    def stop(self) -> list[asyncio.Task[None]]:
        self.calls.append("stop")
        return []


class Served:
    """A session that is being served."""

    def __init__(self, *, rate: str = "1000/second", drain_seconds: float = 60.0) -> None:
        self.statuses: dict[str, AccountStatus] = {}
        self.admissions = Admissions(self._statuses)
        config = SocketConfig(
            api="test",
            admissions=self.admissions,
            rate=RateLimit.parse(rate),
            max_message_bytes=10,
            admission_seconds=0.01,
            drain_seconds=drain_seconds,
            close_frame=close_frame,
        )
        self.socket = FakeSocket()
        self.session = SocketSession({}, self.socket.receive, self.socket, config)
        self.protocol = EchoProtocol(self.session)
        self.task = asyncio.create_task(self.session.run(self._open))

    async def _statuses(self, user_ids: Any) -> dict[str, AccountStatus]:
        return self.statuses

    async def _open(self, session: SocketSession) -> EchoProtocol:
        return self.protocol

    async def ended(self) -> list[tuple[int, str]]:
        """Wait until the session has ended, with nothing left of it; return the closes that were sent."""
        await self.task
        assert self.socket.is_discarded
        assert self.protocol.calls[-1] == "stop"
        assert len(self.admissions) == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return self.socket.closes


async def settle() -> None:
    """Let every task run until none has anything left to do but wait."""
    for _ in range(20):
        await asyncio.sleep(0)


class Known:
    """A caller of whom only the name is known."""

    user_id = "1"
    issued_at = None
    expires_at = None
    password = None
    token_id = None
    session_key = None


async def authenticated() -> Caller:
    return cast("Caller", Known())


async def test_messages_are_handled_in_order_until_the_client_leaves() -> None:
    served = Served()
    served.socket.receives("a")
    served.socket.receives(b"b")
    served.socket.receives("c")
    served.socket.disconnects()
    assert await served.ended() == []
    assert served.protocol.calls == ["start", "a", b"b", "c", "stop"]
    assert served.socket.sent == [b"a", b"c"]


async def test_a_client_that_does_not_read_is_not_read() -> None:
    served = Served()
    served.socket.full = asyncio.get_running_loop().create_future()
    for text in ("a", "b"):
        served.socket.receives(text)
    await asyncio.wait({served.task}, timeout=0.05)
    assert served.socket.sent == [b"a"]
    served.socket.full.set_result(None)
    served.socket.disconnects()
    await served.ended()
    assert served.socket.sent == [b"a", b"b"]


async def test_the_next_message_is_read_when_there_is_room() -> None:
    served = Served()
    served.protocol.room = asyncio.get_running_loop().create_future()
    served.socket.receives("a")
    served.socket.receives("b")
    await settle()
    assert served.protocol.calls == ["start", "a"]
    served.protocol.room.set_result(None)
    await settle()
    assert served.protocol.calls == ["start", "a", "b"]
    served.socket.disconnects()
    await served.ended()


@pytest.mark.parametrize("message", ["x" * 11, "é" * 6, b"x" * 11])
async def test_a_message_beyond_the_limit_is_not_handled_as_one(message: str | bytes) -> None:
    served = Served()
    served.socket.receives(message)
    served.socket.disconnects()
    await served.ended()
    assert served.protocol.calls == ["start", ("oversized", message), "stop"]


async def test_too_many_messages_close_the_socket() -> None:
    served = Served(rate="1/hour burst 1")
    for text in ("a", "b", "c"):
        served.socket.receives(text)
    assert await served.ended() == [(4001, "")]
    assert served.protocol.calls == ["start", "a", "on_close", "stop"]


async def test_an_exception_closes_the_socket_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served()
    served.protocol.error = KeyError("ours")
    served.socket.receives("a")
    assert await served.ended() == [(4004, "")]
    assert "A socket of the test API failed" in caplog.text
    assert "KeyError: 'ours'" in caplog.text


async def test_a_hub_that_has_stopped_closes_the_socket_as_a_restart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Served()
    served.protocol.error = HubClosed()
    served.socket.receives("a")
    assert await served.ended() == [(4003, "")]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_caller_who_may_no_longer_be_here_is_closed() -> None:
    served = Served()
    await served.session.admit(authenticated())
    assert len(served.admissions) == 1
    await served.admissions.check()
    assert await served.ended() == [(4002, "deactivated")]


async def test_the_address_of_a_user_is_known_afterwards() -> None:
    known_addresses.cache_clear()
    served = Served()
    served.session.scope["client"] = ("192.0.2.7", 1)
    assert served.session.enter()
    assert "192.0.2.7" not in known_addresses()
    before = admissions("admitted", "")
    await served.session.admit(authenticated())
    assert admissions("admitted", "") == before + 1
    assert "192.0.2.7" in known_addresses()
    served.session.leave()
    served.socket.disconnects()
    await served.ended()


def admissions(result: str, reason: str) -> float:
    labels = {"api": "test", "result": result, "reason": reason}
    return REGISTRY.get_sample_value("inbox_admissions_total", labels) or 0.0


async def test_a_refusal_is_counted_by_its_reason() -> None:
    served = Served()

    async def refuse() -> Caller:
        raise AuthenticationFailed(Reason.EXPIRED)

    async def fail() -> Caller:
        raise ConnectionError

    expired, failed = admissions("refused", "expired"), admissions("refused", "failed")
    for authentication in (refuse(), fail()):
        with pytest.raises((AuthenticationFailed, ConnectionError)):
            await served.session.admit(authentication)
    assert admissions("refused", "expired") == expired + 1
    assert admissions("refused", "failed") == failed + 1
    served.socket.disconnects()
    await served.ended()


async def test_an_admission_has_a_deadline() -> None:
    served = Served()

    async def hang() -> Caller:
        await asyncio.Event().wait()
        raise AssertionError

    before = admissions("refused", "timeout")
    with pytest.raises(TimeoutError):
        await served.session.admit(hang())
    assert admissions("refused", "timeout") == before + 1
    assert served.session.caller is None
    served.socket.disconnects()
    await served.ended()


async def test_a_session_that_is_closed_instead_of_opened_sends_the_close_and_ends() -> None:
    served = Served()
    await settle()
    served.socket.disconnects()
    await served.ended()
    other = SocketSession({}, FakeSocket().receive, socket := FakeSocket(), served.session.config)

    async def refuse(session: SocketSession) -> None:
        session.close(4403, "no")

    await other.run(refuse)
    assert socket.closes == [(4403, "no")]


async def test_while_it_drains_no_message_is_handled_and_the_protocol_closes() -> None:
    served = Served()
    await settle()
    served.session.shut_down()
    served.socket.receives("late")
    await settle()
    assert served.protocol.calls == ["start", "drain"]
    assert served.socket.closes == []
    served.session.close_for(CloseReason.RESTARTING)
    assert await served.ended() == [(4003, "")]
    assert served.protocol.calls == ["start", "drain", "on_close", "stop"]


async def test_a_drain_that_takes_too_long_is_cut_short() -> None:
    served = Served(drain_seconds=0.0)
    await settle()
    served.session.shut_down()
    assert await served.ended() == [(4003, "")]


async def test_a_cancelled_session_closes_its_socket_as_a_restart() -> None:
    served = Served()
    served.socket.receives("a")
    await asyncio.sleep(0)
    served.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await served.task
    assert served.socket.closes == [(4003, "")]
    assert served.socket.is_discarded
    assert served.protocol.calls[-1] == "stop"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_client_that_does_not_answer_the_close_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "DISCONNECT_SECONDS", 0.01)
    served = Served()
    # The server reports no disconnect.
    monkeypatch.setattr(served.socket, "disconnects", lambda: None)
    await asyncio.sleep(0)
    served.session.close(4005, "why")
    assert await served.ended() == [(4005, "why")]


async def test_a_socket_is_closed_once_and_nothing_is_written_after_it() -> None:
    served = Served()
    await settle()
    served.session.close(4000, "first")
    served.session.close(4001, "second")
    assert served.session.write([b"late"]) is None
    assert await served.ended() == [(4000, "first")]
    served.session.close(4002, "gone")
    assert served.socket.closes == [(4000, "first")]
    assert served.socket.sent == []


async def test_open_and_closed_sockets_are_counted() -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, {"api": "test", **labels}) or 0.0

    served = Served()
    await settle()
    open_sockets, closed = (
        value("inbox_sockets", subprotocol=""),
        value("inbox_sockets_closed_total", code="4000"),
    )
    assert open_sockets >= 1
    served.session.close(4000, "")
    await served.ended()
    assert value("inbox_sockets", subprotocol="") == open_sockets - 1
    assert value("inbox_sockets_closed_total", code="4000") == closed + 1


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", False),
        ("x" * 10, False),
        ("x" * 11, True),
        ("é" * 5, False),
        ("é" * 6, True),
        ("\ud800" * 11, True),
        (b"x" * 10, False),
        (b"x" * 11, True),
    ],
)
def test_length_is_counted_in_bytes(message: str | bytes, expected: bool) -> None:
    assert is_longer(message, 10) is expected
