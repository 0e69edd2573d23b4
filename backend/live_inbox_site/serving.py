"""The server: uvicorn with the options that this product needs."""

from __future__ import annotations

import errno
import math
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from django.core.management.base import CommandError

from live_inbox.conf import InboxSettings
from live_inbox.sockets.open_files import raise_open_files_limit
from live_inbox.sockets.server_protocol import CLOSE_SECONDS, SHUTDOWN_SECONDS
from live_inbox_site.graceful_server import GracefulServer
from live_inbox_site.shared_metrics import shared_metrics
from live_inbox_site.worker_processes import Workers

APPLICATION = "live_inbox_site.asgi:served_application"
HTTP_PROTOCOL = "live_inbox.sockets.server_protocol:http_protocol"
SOCKET_PROTOCOL = "live_inbox.sockets.server_protocol:socket_protocol"
PING_SECONDS = 20
"""Between pings, and for the pong: a device that is gone is noticed within 40 seconds."""
SPARE_SECONDS = 2.0
"""Added to the time that sockets may take to close when the server stops, for a busy machine."""
BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raise CommandError, in one line, if that cannot be.

    Done before anything else, so that nothing has happened yet when the port is busy. Who connects before the
    server is ready waits for it.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise CommandError(_why_not(error, host, port)) from None
    return listening


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use: choose another one (--port, or make run PORT=...), or stop "
            "what listens there."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user: choose one above 1023."
    return f"The server cannot listen on {host}, port {port}: {error.strerror or error}."


def grace_seconds(settings: InboxSettings) -> int:
    """Return how long open requests and sockets may take to end when the server stops."""
    sockets = SHUTDOWN_SECONDS + settings.drain_seconds + CLOSE_SECONDS
    return math.ceil(sockets + SPARE_SECONDS)


def server_config(settings: InboxSettings, *, workers: int = 1) -> uvicorn.Config:
    """Return how uvicorn runs this product."""
    return uvicorn.Config(
        APPLICATION,
        factory=True,
        lifespan="on",
        workers=workers,
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


def serve(
    config: uvicorn.Config, listening: socket.socket, *, on_started: Callable[[], None]
) -> bool:
    """Serve until a signal ends it; return whether the server could start at all."""
    raise_open_files_limit()
    if config.workers > 1:
        # Load it here first: workers that cannot load their application would be restarted for ever.
        config.load_app()
        on_started()
        with shared_metrics():
            Workers(config, sockets=[listening]).run()
        return True
    server = GracefulServer(config, on_started)
    with suppress(KeyboardInterrupt):  # uvicorn shuts down gracefully, then raises the signal again
        server.run(sockets=[listening])
    return server.started
