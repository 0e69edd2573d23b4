"""A relay between a program and a server, for tests: a route that a thread of the test's process serves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.stacks.ports import LOOPBACK
from tests.stacks.relay_route import Route

_START_SECONDS = 30.0


class Relay:
    """Listens on a loopback port, and passes bytes on to a server's Unix socket or port, both ways.

    Whatever it does to a connection, both of its ends stay open, and neither hears of it.
    """

    def __init__(self, target: Path | int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._started = threading.Event()
        self._stopping = asyncio.Event()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._route = Route(target if isinstance(target, int) else str(target))
        self.port = 0

    @property
    def accepted(self) -> int:
        """How many connections there have been."""
        return self._route.opened

    def forget(self) -> None:
        """From now on, drop what arrives on the connections that are open. New ones work."""
        self._call(self._route.forget)

    def partition(self) -> None:
        """Pass nothing on, also of new connections, until `heal`."""
        self._call(self._route.partition)

    def heal(self) -> None:
        """Pass on what has arrived meanwhile, and everything else."""
        self._call(self._route.heal)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(_START_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _call(self, change: Callable[[], object]) -> None:
        done = threading.Event()

        def call() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(_START_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        # What was accepted a moment ago is a task of asyncio's own until it comes to `_accept`, and asyncio loses its
        # socket where the server closes meanwhile.
        while asyncio.all_tasks() - {asyncio.current_task()}:
            for task in self._connections:
                task.cancel()
            await asyncio.sleep(0)
        server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._handle(reader, writer))
        self._connections[task] = writer
        # Not in the task: one that is cancelled before its first step does nothing at all.
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task).transport.abort()
        if not task.cancelled():
            task.result()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._route.accept(reader, writer)
