"""A relay between a program and a server, which forgets connections as a NAT or a load balancer may."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.stacks.ports import LOOPBACK

_PART = 65_536
_START_SECONDS = 30.0


class Relay:
    """Listens on a loopback port, and passes bytes on to a server's Unix socket, both ways.

    Whatever it does to a connection, both of its ends stay open, and neither hears of it.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._started = threading.Event()
        self._stopping = asyncio.Event()
        self._is_open = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._forgotten = 0
        self._accepted = 0
        self.port = 0

    @property
    def accepted(self) -> int:
        """How many connections there have been."""
        return self._accepted

    def forget(self) -> None:
        """From now on, drop what arrives on the connections that are open. New ones work."""
        self._call(self._forget)

    def partition(self) -> None:
        """Pass nothing on, also of new connections, until `heal`."""
        self._call(self._is_open.clear)

    def heal(self) -> None:
        """Pass on what has arrived meanwhile, and everything else."""
        self._call(self._is_open.set)

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

    def _call(self, change: object) -> None:
        done = threading.Event()

        def call() -> None:
            change()  # type: ignore[operator]
            done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(_START_SECONDS)

    def _forget(self) -> None:
        self._forgotten = self._accepted

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._is_open.set()
        server = await asyncio.start_server(self._relay, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        number = self._accepted
        # Nothing else refers to one that was forgotten: it would be collected, and closed.
        if task := asyncio.current_task():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(str(self._target))
            ways = [(reader, far_writer), (far_reader, writer)]
            tasks = [asyncio.ensure_future(self._pass_on(number, *way)) for way in ways]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                far_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _pass_on(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while part := await reader.read(_PART):
                await self._is_open.wait()
                if number > self._forgotten:
                    writer.write(part)
                    await writer.drain()
            # One that was forgotten does not hear of its end either.
            if number <= self._forgotten:
                await asyncio.Event().wait()
