"""Several server processes that share a port, and one parent that starts, replaces and stops them.

A worker that dies, or does not answer for `timeout_worker_healthcheck` seconds, is replaced, as `restart_pacing` says.
If all die before any has served, the parent gives up: what is wrong is wrong for all of them.

What this relies on: uvicorn's `Multiprocess` makes its workers as `Process`, a name of its module, and calls
`handle_int`, `keep_subprocess_alive`, `terminate_all` and `join_all`, and `wait_until_ready` of what replaces a worker
at SIGHUP; the attributes `signal_queue`, `should_exit`, `processes`, `processes_num` and `sockets`; a worker calls its
`target` in the new process, and `pong` there whenever its parent asks whether it lives, twice a second; `ping` sends a
byte over `parent_conn` and waits there for the answer. Tested with uvicorn 0.54.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from typing import cast

import uvicorn
from uvicorn.supervisors import multiprocess

from live_inbox import metrics
from live_inbox_site.child_interrupts import ignore_interrupts, interrupts_held_back
from live_inbox_site.graceful_server import HURRY_SIGNAL, GracefulServer
from live_inbox_site.restart_pacing import RestartPacing
from live_inbox_site.shared_metrics import forget_process

logger = logging.getLogger(__name__)

READY_SECONDS = 60.0
"""How long a worker may take to start when it replaces one that serves, at SIGHUP. uvicorn allows no more than for an
answer, 5 s, which a busy machine needs for the imports alone, and keeps the old workers then."""

_JOIN_SECONDS = 0.1

_ANSWER_SECONDS = 0.1
"""How often the parent looks for a signal while it waits for a worker's answer: one that starts does not answer for
seconds."""


class WorkerProcess(multiprocess.Process):
    """A worker that ends in good order, and tells its parent when it serves."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self.pacing = RestartPacing()
        self.restart_at: float | None = None
        """When a dead worker is to be replaced, on the monotonic clock; None while it lives."""
        self._served_since: float | None = None
        self._parent_end, self._worker_end = Pipe()
        super().__init__(config, sockets)

    # -- in the parent ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process."""
        with interrupts_held_back():
            super().start()

    def has_served(self) -> bool:
        """Whether it has begun to serve, as far as it has told."""
        with suppress(OSError, EOFError):
            if self._served_since is None and self._parent_end.poll():
                self._parent_end.recv()
                self._served_since = time.monotonic()
        return self._served_since is not None

    def is_alive_unless(self, is_interrupted: Callable[[], bool], *, timeout: float) -> bool:
        """Return whether it lives and answers. True, too, once something else is to be done: nothing was found out."""
        if not self.process.is_alive():
            return False
        deadline = time.monotonic() + timeout
        try:
            self.parent_conn.send(b"ping")
            while not self.parent_conn.poll(_ANSWER_SECONDS):
                if is_interrupted():
                    return True
                if time.monotonic() >= deadline:
                    return False
            self.parent_conn.recv()
        except (OSError, EOFError):
            return False
        return True

    def wait_until_ready(self, timeout: float, should_exit: threading.Event | None = None) -> bool:
        """Return True when it serves; False if it ends before, or is not there after READY_SECONDS."""
        return super().wait_until_ready(max(timeout, READY_SECONDS), should_exit)

    def served_seconds(self) -> float:
        """Return for how long it has served."""
        return 0.0 if self._served_since is None else time.monotonic() - self._served_since

    def tell_restart(self) -> None:
        """Tell a process that it has replaced another one: the metrics of all workers are summed up."""
        with suppress(OSError):
            self._parent_end.send(1)

    def join(self) -> None:
        """Wait for the end of the process; nothing is open in it then."""
        super().join()
        forget_process(self.pid)

    def bury(self) -> None:
        """End what is left of it."""
        self.kill()
        self.join()
        self._parent_end.close()
        self._worker_end.close()

    # -- in the worker ------------------------------------------------------------------------------------

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve."""
        ignore_interrupts()
        super().target(sockets)

    def pong(self) -> None:
        """Answer that this process lives, and count what its parent tells."""
        super().pong()
        while self._worker_end.poll():
            metrics.WORKERS_RESTARTED.inc(self._worker_end.recv())

    @property
    def server(self) -> uvicorn.Server:
        """The server of this process."""
        if self._server is None:
            self._server = GracefulServer(self.config, lambda: self._worker_end.send(True))
        return self._server


class Workers(multiprocess.Multiprocess):
    """Stops accepting as soon as its workers are asked to stop, and passes further interrupts on to them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # uvicorn's arguments
        self.gave_up = False
        """Whether it has ended because no worker could start."""
        self.was_interrupted_at_start = False
        """Whether Ctrl-C has ended it before any worker has served."""
        self._interrupts = 0
        self._deaths = 0
        self._any_has_served = False
        # Four methods of the class make workers by this name.
        multiprocess.Process = WorkerProcess  # type: ignore[misc]

    def handle_int(self) -> None:
        """Stop, or note another interrupt."""
        if self.should_exit.is_set():
            self._interrupts += 1
        else:
            workers = cast("list[WorkerProcess]", self.processes)
            has_served = self._any_has_served or any(worker.has_served() for worker in workers)
            self.was_interrupted_at_start = not has_served
            super().handle_int()

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have died, each when it is time; give up if none has ever served."""
        for index, process in enumerate(tuple(self.processes)):
            if self.should_exit.is_set():
                return
            worker = cast("WorkerProcess", process)
            if worker.restart_at is None:
                is_alive = worker.is_alive_unless(
                    lambda: bool(self.signal_queue),
                    timeout=self.config.timeout_worker_healthcheck,
                )
                # Also of one that has died since: it says whether the others can start.
                self._any_has_served |= worker.has_served()
                if is_alive:
                    continue
                self._note_death(worker)
                if not self._any_has_served and self._deaths >= self.processes_num:
                    self._give_up()
                    return
            if worker.restart_at is not None and time.monotonic() >= worker.restart_at:
                self._replace(index, worker)

    def _note_death(self, worker: WorkerProcess) -> None:
        wait = worker.pacing.seconds_to_wait(worker.served_seconds())
        worker.bury()
        worker.restart_at = time.monotonic() + wait
        self._deaths += 1
        logger.error(
            "Worker %s has died (exit code %s). Another one starts %s.",
            worker.pid,
            worker.exitcode,
            f"in {wait:g} s" if wait else "now",
        )

    def _replace(self, index: int, dead: WorkerProcess) -> None:
        successor = WorkerProcess(self.config, self.sockets)
        successor.pacing = dead.pacing
        successor.start()
        self.processes[index] = successor
        successor.tell_restart()

    def _give_up(self) -> None:
        logger.critical("No worker could start. The lines above say why.")
        self.gave_up = True
        self.should_exit.set()

    def terminate_all(self) -> None:
        """Stop the workers, and close the listening socket, where clients would wait in vain."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers. A second interrupt has them close all sockets now, a third one ends them.

        The second one ends those, too, that do not serve yet: nothing is open in them.
        """
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
            has_served = cast("WorkerProcess", worker).has_served()
            if interrupts > 1 or HURRY_SIGNAL is None or not has_served:
                worker.process.kill()
            else:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, HURRY_SIGNAL)
