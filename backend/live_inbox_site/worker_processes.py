"""Several server processes that share a port, and one parent that starts, replaces and stops them.

What this relies on: uvicorn's `Multiprocess` makes its workers as `Process`, a name of its module, and calls
`handle_int`, `terminate_all` and `join_all`; the attributes `signal_queue`, `should_exit`, `processes` and `sockets`.
Tested with uvicorn 0.54.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import uvicorn
from uvicorn.supervisors import multiprocess

from live_inbox_site.graceful_server import HURRY_SIGNAL, GracefulServer
from live_inbox_site.shared_metrics import forget_process

_JOIN_SECONDS = 0.1


class WorkerProcess(multiprocess.Process):
    """A worker that ends in good order."""

    @property
    def server(self) -> uvicorn.Server:
        """The server of this process."""
        if self._server is None:
            self._server = GracefulServer(self.config)
        return self._server

    def join(self) -> None:
        """Wait for the end of the process; nothing is open in it then."""
        super().join()
        forget_process(self.pid)


class Workers(multiprocess.Multiprocess):
    """Stops accepting as soon as its workers are asked to stop, and passes further interrupts on to them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # uvicorn's arguments
        self._interrupts = 0
        # Four methods of the class make workers by this name.
        multiprocess.Process = WorkerProcess  # type: ignore[misc]

    def handle_int(self) -> None:
        """Stop, or note another interrupt."""
        if self.should_exit.is_set():
            self._interrupts += 1
        else:
            super().handle_int()

    def terminate_all(self) -> None:
        """Stop the workers, and close the listening socket, where clients would wait in vain."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers. A second interrupt has them close all sockets now, a third one ends them."""
        passed_on = 0
        for worker in self.processes:
            while worker.process.is_alive():
                if self._interrupts > passed_on:
                    passed_on = self._interrupts
                    self._pass_on(passed_on)
                worker.process.join(_JOIN_SECONDS)
                self._count_interrupts()
            forget_process(worker.pid)

    def _count_interrupts(self) -> None:
        while self.signal_queue:
            self._interrupts += self.signal_queue.pop(0) == signal.SIGINT

    def _pass_on(self, interrupts: int) -> None:
        for worker in self.processes:
            if not worker.process.is_alive() or worker.pid is None:
                continue
            if interrupts > 1 or HURRY_SIGNAL is None:
                worker.process.kill()
            else:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, HURRY_SIGNAL)
