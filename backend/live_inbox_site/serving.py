"""The server: uvicorn with the options that this product needs."""

from __future__ import annotations

import math
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from live_inbox.conf import InboxSettings
from live_inbox.sockets.open_files import raise_open_files_limit
from live_inbox.sockets.server_protocol import CLOSE_SECONDS, SHUTDOWN_SECONDS
from live_inbox_site.graceful_server import GracefulServer
from live_inbox_site.reloading import Reloader
from live_inbox_site.shared_metrics import shared_metrics
from live_inbox_site.worker_processes import Workers

APPLICATION = "live_inbox_site.asgi:served_application"
HTTP_PROTOCOL = "live_inbox.sockets.server_protocol:http_protocol"
SOCKET_PROTOCOL = "live_inbox.sockets.server_protocol:socket_protocol"
PING_SECONDS = 20
"""Between pings, and for the pong: a device that is gone is noticed within 40 seconds."""
SPARE_SECONDS = 2.0
"""Added to the time that sockets may take to close when the server stops, for a busy machine."""


def grace_seconds(settings: InboxSettings) -> int:
    """Return how long open requests and sockets may take to end when the server stops."""
    sockets = SHUTDOWN_SECONDS + settings.drain_seconds + CLOSE_SECONDS
    return math.ceil(sockets + SPARE_SECONDS)


def server_config(
    settings: InboxSettings, *, workers: int = 1, watched: Sequence[Path] = ()
) -> uvicorn.Config:
    """Return how uvicorn runs this product. `watched`: directories whose changes start the server anew."""
    return uvicorn.Config(
        APPLICATION,
        factory=True,
        lifespan="on",
        workers=workers,
        reload=bool(watched),
        reload_dirs=[str(directory) for directory in watched],
        http=HTTP_PROTOCOL,
        ws=SOCKET_PROTOCOL,
        # The APIs refuse messages beyond the limit with their own errors; this only bounds the memory.
        ws_max_size=4 * settings.max_message_bytes,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        # Compression costs as much memory for each socket as everything else together.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=grace_seconds(settings),
        # Django's LOGGING removes tokens from log lines.
        log_config=None,
        access_log=False,
        server_header=False,
        # The site does it itself, by TRUSTED_PROXIES (live_inbox.sockets.forwarding).
        proxy_headers=False,
    )


@dataclass(frozen=True)
class Ending:
    """How the server has ended. `ended_by`: the signal, if it was one process that a signal has ended.
    `was_interrupted_at_start`: whether Ctrl-C came before any of several workers has served."""

    could_start: bool = True
    ended_by: signal.Signals | None = None
    was_interrupted_at_start: bool = False


def serve(
    config: uvicorn.Config, listening: socket.socket, *, on_started: Callable[[], None]
) -> Ending:
    """Serve until a signal ends it."""
    raise_open_files_limit()
    if config.should_reload:
        on_started()
        Reloader(config, listening).run()
        return Ending()
    if config.workers > 1:
        # Load it here first: what keeps every worker from loading it is said once.
        config.load_app()
        on_started()
        with shared_metrics():
            workers = Workers(config, sockets=[listening])
            workers.run()
        return Ending(
            could_start=not workers.gave_up,
            was_interrupted_at_start=workers.was_interrupted_at_start,
        )
    server = GracefulServer(config, on_started)
    try:
        server.run(sockets=[listening])
    except SystemExit:
        # So uvicorn reports that the application could not start, after it has logged why.
        return Ending(could_start=False)
    return Ending(server.started, server.ended_by)
