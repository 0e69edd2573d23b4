"""A server that starts anew when its code changes, for development: one process that watches, and one that serves.

What this relies on: `startup`, `restart`, `signal_handler` and `process` of uvicorn's `StatReload`. Tested with uvicorn
0.54.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from functools import partial

import uvicorn
from uvicorn.supervisors.statreload import StatReload

from live_inbox_site.child_interrupts import ignore_interrupts, interrupts_held_back
from live_inbox_site.graceful_server import HURRY_SIGNAL, GracefulServer, hangup_signal


class Reloader(StatReload):
    """Serves, and starts the server anew when a Python file of `config.reload_dirs` changes.

    A server whose code cannot be loaded prints why, and is started again by the next change.
    """

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        super().__init__(config, partial(_serve, config), [listening])

    def startup(self) -> None:
        """Start the server. Ends at SIGHUP as at SIGTERM: it would be gone, and the server alone, otherwise."""
        if (hangup := hangup_signal()) is not None:
            signal.signal(hangup, self.signal_handler)
        with interrupts_held_back():
            super().startup()

    def restart(self) -> None:
        """Stop the server without a drain, for a developer waits, and start it anew."""
        with interrupts_held_back():
            if HURRY_SIGNAL is not None and self.process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(self.process.pid, HURRY_SIGNAL)
            super().restart()


def _serve(config: uvicorn.Config, sockets: list[socket.socket] | None) -> None:
    """Serve in a process of its own."""
    ignore_interrupts()
    GracefulServer(config).run(sockets)
