"""The site on any ASGI server, as its documentation starts it, in a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.stacks.child import Child
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.uvicorn_server import REPOSITORY, ServerProcess

SITE = "live_inbox_site.asgi:application"


@dataclass(frozen=True)
class Server:
    """An ASGI server: how it is started, and what it does when it stops."""

    name: str
    command: Callable[[str, int], Sequence[str]]
    """Returns the arguments of Python for an application and a port."""
    stop_codes: frozenset[int]
    """The close codes that open sockets may get, as clients see them: 1006 is a connection that is cut."""
    exit_code: int = 0
    too_big_code: int = 1009
    too_many_codes: frozenset[int] = frozenset({1013})
    wrong_host_status: int = 400
    """403 where the server does not let applications choose (the extension `websocket.http.response`)."""


SERVERS = {
    each.name: each
    for each in (
        Server(
            "uvicorn",
            lambda site, port: ["-m", "uvicorn", site, f"--port={port}"],
            stop_codes=frozenset({1012}),
            exit_code=-signal.SIGTERM,
        ),
        Server(
            "gunicorn",
            lambda site, port: [
                *("-m", "gunicorn", "-k", "uvicorn_worker.UvicornWorker"),
                *("-b", f"127.0.0.1:{port}", "--access-logfile=-", site),
            ],
            stop_codes=frozenset({1012}),
        ),
        Server(
            "hypercorn",
            lambda site, port: [
                *("-m", "hypercorn", f"--bind=127.0.0.1:{port}"),
                *("--graceful-timeout=1", "--access-logfile=-", site),
            ],
            stop_codes=frozenset({1012}),
        ),
        Server(
            "daphne",
            lambda site, port: ["-m", "daphne", f"-p{port}", "--access-log=-", site],
            # It has a fault: with an idle HTTP connection open, it forgets its sockets.
            stop_codes=frozenset({4012, 1006}),
            too_big_code=4009,
            # TCP may reset the connection, as granian's below.
            too_many_codes=frozenset({4013, 1006}),
            wrong_host_status=403,
        ),
        Server(
            "granian",
            lambda site, port: [
                *("-m", "granian", "--interface=asgi", f"--port={port}"),
                *("--access-log", site),
            ],
            stop_codes=frozenset({1006}),
            # It closes a connection with what it has not read, and TCP may reset it before the close frame is read.
            too_many_codes=frozenset({1013, 1006}),
        ),
    )
}


class AsgiServer(ServerProcess):
    """A server process on a loopback port."""

    def __init__(
        self,
        process_registry: ProcessRegistry,
        server: Server,
        environment: Mapping[str, str | None],
        *,
        application: str = SITE,
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(process_registry, environment)
        self.server = server
        self._application = application
        self._options = options

    def _spawn(self) -> Child:
        arguments = [*self.server.command(self._application, self.port), *self._options]
        return Child(
            self._process_registry,
            [sys.executable, *arguments],
            log=self._directory / "log",
            environment=self._environment,
            directory=REPOSITORY,
            warm=self._warm,
        )
