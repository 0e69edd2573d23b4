"""Starts what lives as long as the server, and stops it with the server."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from django.core.handlers.asgi import ASGIHandler

from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

Step = Callable[[], Awaitable[None]]


class Lifespan:
    """Serves the ASGI lifespan protocol around that of an application, which need not have it.

    Django's application and Channels' router refuse the protocol with an exception; then it is served without them.
    `stop` may be called twice.
    """

    def __init__(self, application: Application | None, *, start: Step, stop: Step) -> None:
        self._application = application
        self._start = start
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one lifespan, from the server's start to its end."""
        startup = await receive()
        try:
            await self._start()
        except Exception as error:
            logger.exception("The server cannot start.")
            await self._stop_in_order()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        try:
            if await self._is_served_within(scope, startup, receive, send):
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            await self._stop_in_order()
        await send({"type": "lifespan.shutdown.complete"})

    async def _is_served_within(
        self, scope: Scope, startup: Message, receive: Receive, send: Send
    ) -> bool:
        """Let the application serve the protocol; return whether it does. Raises what it raises after its start."""
        # Django's own raises for it, which tools that watch Django's handler report as an error at each start.
        if self._application is None or isinstance(self._application, ASGIHandler):
            return False
        inner = _Inner(startup, receive, send, self._stop_in_order)
        try:
            await self._application(scope, inner.receive, inner.send)
        except Exception:
            if inner.has_answered:
                raise
            logger.debug("The application has no lifespan.", exc_info=True)
        return inner.has_answered

    async def _stop_in_order(self) -> None:
        try:
            await self._stop()
        except Exception:
            logger.exception("The inbox did not stop in order.")


class _Inner:
    """The lifespan as the application sees it. Before the server learns that it has ended, `stop` is called."""

    def __init__(self, startup: Message, receive: Receive, send: Send, stop: Step) -> None:
        self.has_answered = False
        self._startup: Message | None = startup
        self._receive = receive
        self._send = send
        self._stop = stop

    async def receive(self) -> Message:
        """Return the startup that was received already, then what the server sends."""
        startup, self._startup = self._startup, None
        return await self._receive() if startup is None else startup

    async def send(self, message: Message) -> None:
        """Pass a message of the application on. Raises ValueError for one that is not of the protocol."""
        if not message["type"].startswith("lifespan."):
            raise ValueError(f"A lifespan has no message of the type {message['type']!r}.")
        self.has_answered = True
        if message["type"] != "lifespan.startup.complete":
            await self._stop()
        await self._send(message)
