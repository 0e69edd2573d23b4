"""uvicorn's server with an end in good order, whichever signal asks for it.

| signal | what the server does |
|---|---|
| SIGTERM, SIGINT (Ctrl-C), SIGHUP | it shuts down gracefully: docs/operating/stopping.md has the steps |
| SIGINT again | it closes all sockets with 1012 now, and gives open requests HURRY_SECONDS |
| SIGINT a third time | it ends at once |

uvicorn leaves SIGHUP to the system, which ends the process without a close frame, and ends at once on the second
SIGINT. A process that ignores SIGHUP, as under `nohup`, goes on doing so.

Connections are accepted by `live_inbox_site.acceptor`, but for Windows, whose event loop watches no listening socket.

What this relies on: `handle_exit`, `capture_signals`, `_captured_signals`, `_wait_tasks_to_complete`, `force_exit`,
`servers`, `lifespan` (its `shutdown_failed`) and `server_state` of uvicorn's `Server`, and what it passes to
`config.http_protocol_class`.
Tested with uvicorn 0.54.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from types import FrameType
from typing import Any

import uvicorn

from live_inbox.readiness import draining
from live_inbox.sockets.open_files import OUT_OF_RESOURCES
from live_inbox.sockets.server_protocol import connection_limit
from live_inbox_site.environment import site_settings

logger = logging.getLogger(__name__)

HURRY_SECONDS = 2.0
"""How long open requests may take after the second SIGINT."""

HURRY_SIGNAL: signal.Signals | None = getattr(signal, "SIGUSR1", None)
"""By which the parent of several workers passes the second SIGINT on: a terminal sends SIGINT to all of them, `kill` to
one. So the workers must not count what their parent passes on."""


def hangup_signal() -> signal.Signals | None:
    """Return SIGHUP; None where there is none, or where this process ignores it, as under `nohup`."""
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)
    return None if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN else hangup


class GracefulServer(uvicorn.Server):
    """Stops in good order. Calls `on_started` when it is ready."""

    ended_by: signal.Signals | None
    """The signal that has ended it. uvicorn raises it again, before what stands around the server could clean up."""

    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None] | None = None
    ) -> None:
        super().__init__(config)
        self.ended_by = None
        self._on_started = on_started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._time_limit: asyncio.Timeout | None = None
        self._is_hurried = False
        self._hurries = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then call back."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_report_loop_error)
        if sockets is None or sys.platform == "win32":
            await super().startup(sockets)
        else:
            # uvicorn starts its own servers for none of the sockets.
            await super().startup([])
            self._accept_from(sockets)
        if self.started and self._on_started is not None:
            self._on_started()

    def _accept_from(self, sockets: Sequence[socket.socket]) -> None:
        # Not at import: the process of a worker imports this module before Django is set up.
        from live_inbox_site.acceptor import Acceptor

        for listening in sockets:
            acceptor: Any = Acceptor(
                listening,
                self._create_protocol,
                lambda: len(self.server_state.connections),
                self.config.ssl,
            )
            acceptor.start()
            # uvicorn closes them when it stops.
            self.servers.append(acceptor)

    def _create_protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection, made as uvicorn makes it."""
        create: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = create(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Handle the signals that end the server while in the block."""
        with super().capture_signals():
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {}
            if (hangup := hangup_signal()) is not None:
                handlers[hangup] = self.handle_exit
            if HURRY_SIGNAL is not None:
                handlers[HURRY_SIGNAL] = self._handle_hurry
            previous = {sig: signal.signal(sig, handler) for sig, handler in handlers.items()}
            try:
                yield
            finally:
                for sig, handler in previous.items():
                    signal.signal(sig, handler)
                if self._captured_signals:
                    self.ended_by = signal.Signals(self._captured_signals[0])
                    self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Be not ready; serve for STOP_DELAY_SECONDS, until load balancers have noticed; then stop.

        At the third interrupt, the application is not waited for, and uvicorn does not report its end.
        """
        with draining():
            if not self._is_hurried:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(site_settings().stop_delay_seconds):
                        await self._hurries.wait()
            await super().shutdown(sockets)
        if self.force_exit:
            lifespan: Any = self.lifespan
            lifespan.shutdown_failed = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, hurry, or end at once."""
        self._captured_signals.append(sig)
        if not self.should_exit:
            self.should_exit = True
        elif sig == signal.SIGINT:
            if self._is_hurried:
                self.force_exit = True
            else:
                self._hurry()

    def _handle_hurry(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
        if not self._is_hurried:
            self._hurry()

    def _hurry(self) -> None:
        self._is_hurried = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._close_now)

    def _close_now(self) -> None:
        """Close all sockets; before the shutdown has begun, do nothing, for it looks whether there is a hurry."""
        self._hurries.set()
        if self._time_limit is None:
            return
        self._time_limit.reschedule(asyncio.get_running_loop().time() + HURRY_SECONDS)
        for connection in tuple(self.server_state.connections):
            close_now = getattr(connection, "close_now", None)
            if close_now is not None:
                close_now()

    async def _wait_tasks_to_complete(self) -> None:
        # uvicorn takes TimeoutError for the end of the grace time, and cancels what is left.
        async with asyncio.timeout(None) as self._time_limit:
            if self._is_hurried:
                self._close_now()
            await super()._wait_tasks_to_complete()


def _report_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report connections that cannot be accepted as one fault, in place of a traceback for each."""
    error = context.get("exception")
    if (
        isinstance(error, OSError)
        and error.errno in OUT_OF_RESOURCES
        and "accept" in str(context.get("message"))
    ):
        connection_limit().report(error)
    else:
        loop.default_exception_handler(context)
