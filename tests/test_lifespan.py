"""The ASGI lifespan: of the inbox alone, and around that of the project's application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.routing import ProtocolTypeRouter
from django.core.handlers.asgi import ASGIHandler

from live_inbox.asgi import mount
from live_inbox.lifespan import Lifespan
from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send

pytestmark = pytest.mark.stack("embedded")


class LifespanServer:
    """A server's side of the protocol, and everything that happens in order."""

    def __init__(self, application: Application | None, *, error: Exception | None = None) -> None:
        self.happened: list[str] = []
        self._error = error
        self._lifespan = Lifespan(application, start=self._start, stop=self._stop)
        self._events: asyncio.Queue[Any] = asyncio.Queue()

    async def _start(self) -> None:
        if self._error is not None:
            raise self._error
        self.happened.append("start inbox")

    async def _stop(self) -> None:
        # To stop it again does no harm.
        if "stop inbox" not in self.happened:
            self.happened.append("stop inbox")

    async def _send(self, message: Any) -> None:
        self.happened.append(message["type"].removeprefix("lifespan."))
        if message["type"] == "lifespan.startup.complete":
            self._events.put_nowait({"type": "lifespan.shutdown"})

    async def run(self) -> list[str]:
        """Start, and stop when the start is complete; return what happened."""
        self._events.put_nowait({"type": "lifespan.startup"})
        await self._lifespan({"type": "lifespan"}, self._events.get, self._send)
        return self.happened


ALONE = ["start inbox", "startup.complete", "stop inbox", "shutdown.complete"]


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")


async def answering_all_as_requests(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200})


@pytest.mark.parametrize(
    "application", [None, refusing, ProtocolTypeRouter({}), answering_all_as_requests]
)
async def test_the_inbox_starts_and_stops_without_a_lifespan_of_the_project(
    application: Application | None,
) -> None:
    assert await LifespanServer(application).run() == ALONE


async def test_the_lifespan_of_the_project_lies_within_that_of_the_inbox() -> None:
    async def theirs(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        server.happened.append("start project")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        server.happened.append("stop project")
        await send({"type": "lifespan.shutdown.complete"})

    server = LifespanServer(theirs)
    assert await server.run() == [
        "start inbox",
        "start project",
        "startup.complete",
        "stop project",
        "stop inbox",
        "shutdown.complete",
    ]


async def test_a_project_that_fails_to_start_stops_the_inbox() -> None:
    async def theirs(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    assert await LifespanServer(theirs).run() == ["start inbox", "stop inbox", "startup.failed"]


async def test_a_project_that_breaks_after_its_start_stops_the_inbox_and_is_reported() -> None:
    async def theirs(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise RuntimeError("broken")

    server = LifespanServer(theirs)
    with pytest.raises(RuntimeError, match="broken"):
        await server.run()
    assert server.happened == ["start inbox", "startup.complete", "stop inbox"]


async def test_an_inbox_whose_start_fails_half_way_is_stopped() -> None:
    happened: list[str] = []

    async def start() -> None:
        happened.append("start")
        raise RuntimeError("what the site does on its start")

    async def stop() -> None:
        happened.append("stop")

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        happened.append(message["type"])

    await Lifespan(None, start=start, stop=stop)({"type": "lifespan"}, receive, send)
    assert happened == ["start", "stop", "lifespan.startup.failed"]


async def test_an_inbox_that_fails_to_start_fails_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await LifespanServer(None, error=OSError("no")).run() == ["stop inbox", "startup.failed"]
    assert "The server cannot start." in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_a_mounted_handler_of_django_is_not_asked_for_a_lifespan() -> None:
    """It raises, which tools that watch it report as an error at each start."""
    asked: list[str] = []

    class Watched(ASGIHandler):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            asked.append(scope["type"])

    given: asyncio.Queue[Message] = asyncio.Queue()
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "lifespan.startup.complete":
            given.put_nowait({"type": "lifespan.shutdown"})

    given.put_nowait({"type": "lifespan.startup"})
    await mount(Watched())({"type": "lifespan"}, given.get, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert asked == []
