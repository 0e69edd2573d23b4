"""The product under uvicorn, in a thread of the test process: real sockets on the test's own database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

import uvicorn

from live_inbox.asgi import mount
from live_inbox.sockets.asgi import Application
from tests.changed_settings import changed_settings
from tests.sockets.socket_server import OUR_CLASS, PLAIN_CLASS

START_SECONDS = 30.0


def _site() -> Application:
    # Not at import: it sets Django up with the settings of the site.
    from live_inbox_site.asgi import http

    return mount(http)


@contextmanager
def serving(*, has_fast_path: bool, **changes: object) -> Iterator[ServerThread]:
    """Serve the product on the test database, with some settings of the inbox, which it reads when it starts.

    Housekeeping is off: between tests the database belongs to others.
    """
    socket_class = OUR_CLASS if has_fast_path else PLAIN_CLASS
    with ExitStack() as opened:
        with changed_settings(HOUSEKEEPING=False, FAST_PATH=has_fast_path, **changes):
            running = opened.enter_context(ServerThread(socket_class=socket_class))
        yield running


class ServerThread:
    """Serves an application on a free port of the loopback interface while in the block."""

    def __init__(
        self, application: Application | None = None, *, socket_class: str = OUR_CLASS
    ) -> None:
        settings = uvicorn.Config(
            application or _site(),
            host="127.0.0.1",
            port=0,
            ws=socket_class,
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    @property
    def port(self) -> int:
        """The port that the system has chosen."""
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def http(self) -> str:
        """The address of the server for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        """The address of the server for sockets."""
        return f"ws://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = threading.Event()
        waited = 0.0
        while not self._server.started and waited < START_SECONDS and self._thread.is_alive():
            deadline.wait(0.02)
            waited += 0.02
        assert self._server.started, "the server did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        assert not self._thread.is_alive(), "the server did not stop"

    def _run(self) -> None:
        asyncio.run(self._server.serve())
