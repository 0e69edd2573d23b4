"""Keeps one context for each event loop: entered with the first use, left with the server or with the loop."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)

EXIT_SECONDS = 5.0
"""How long a context may take to be left at the exit of a process whose loop has only been stopped, not closed."""


class PerLoop(Generic[T]):
    """One running context for each event loop, shared by all that ask for it there.

    A server with the ASGI lifespan protocol calls `start` and `stop`. On a server without it, the first connection
    calls `start`, and the context is left when `asyncio.run` ends the loop's tasks or, where the loop is only stopped
    (daphne), at the exit of the process.
    """

    def __init__(self, make_context: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._make_context = make_context
        self._keepers: dict[asyncio.AbstractEventLoop, _Keeper[T]] = {}
        atexit.register(self._stop_idle_loops)

    def current(self) -> T | None:
        """Return what the running loop's context has given, also after it was left; None before its start."""
        keeper = self._keepers.get(asyncio.get_running_loop())
        return None if keeper is None else keeper.value

    async def start(self) -> T:
        """Enter the running loop's context, unless it is entered. Raises what entering raises; then try again."""
        loop = asyncio.get_running_loop()
        keeper = self._keepers.get(loop)
        if keeper is None or keeper.is_over:
            keeper = self._keep(loop)
        return await keeper.entered()

    async def stop(self) -> None:
        """Leave the running loop's context. Raises what leaving raises."""
        keeper = self._keepers.get(asyncio.get_running_loop())
        if keeper is not None:
            await keeper.stop()

    def _keep(self, loop: asyncio.AbstractEventLoop) -> _Keeper[T]:
        # A context refers to its loop, so weak references to loops would not let go of those of the past.
        for each in list(self._keepers):
            if each.is_closed():
                self._keepers.pop(each, None)
        keeper = self._keepers[loop] = _Keeper(self._make_context(), loop)
        return keeper

    def _stop_idle_loops(self) -> None:
        for loop, keeper in self._keepers.items():
            if loop.is_closed() or loop.is_running() or keeper.is_over:
                continue
            try:
                loop.run_until_complete(asyncio.wait_for(keeper.stop(), EXIT_SECONDS))
            except Exception:
                logger.warning("The inbox did not stop in order.", exc_info=True)


class _Keeper(Generic[T]):
    """A task that holds a context. Cancelled, as `asyncio.run` does in the end, it leaves the context in order."""

    def __init__(
        self, context: AbstractAsyncContextManager[T], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.value: T | None = None
        self._entered: asyncio.Future[T] = loop.create_future()
        self._stopping = asyncio.Event()
        # The context of the first connection, with its language and its user, is not that of the server.
        own = contextvars.Context()
        self._task = loop.create_task(self._hold(context), name="live inbox", context=own)

    @property
    def is_over(self) -> bool:
        """Whether the context is not held any more."""
        return self._task.done() or self._stopping.is_set()

    async def entered(self) -> T:
        """Return what the context gives, once it is entered. Raises what entering raises."""
        return await asyncio.shield(self._entered)

    async def stop(self) -> None:
        """Leave the context, and return when that is done. Raises what leaving raises."""
        self._stopping.set()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()

    async def _hold(self, context: AbstractAsyncContextManager[T]) -> None:
        try:
            async with context as value:
                self.value = value
                self._entered.set_result(value)
                await self._stopping.wait()
        except Exception as error:
            if self._entered.done():
                raise
            self._entered.set_exception(error)
        finally:
            self._entered.cancel()
