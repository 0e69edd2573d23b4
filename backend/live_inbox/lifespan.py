"""Starts what lives as long as the server, and stops it with the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from live_inbox.sockets.asgi import Application, Receive, Scope, Send

logger = logging.getLogger(__name__)


class Lifespan:
    """Wraps an application; keeps a context open from the server's start to its end.

    On a server without the ASGI lifespan protocol (daphne) the context is entered with the first socket and
    never left: the process's end does that.
    """

    def __init__(
        self, application: Application, running: Callable[[], AbstractAsyncContextManager[None]]
    ) -> None:
        self._application = application
        self._running = running
        self._lock = asyncio.Lock()
        self._entered: AbstractAsyncContextManager[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] == "websocket" and self._entered is None:
            await self._enter()
        await self._application(scope, receive, send)

    async def _enter(self) -> None:
        async with self._lock:
            if self._entered is None:
                context = self._running()
                await context.__aenter__()
                self._entered = context

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._enter()
        except Exception as error:
            logger.exception("The server cannot start.")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._entered is not None:
            await self._entered.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})
