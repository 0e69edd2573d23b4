"""The protocol classes for uvicorn, of WebSockets and of HTTP:

    --ws live_inbox.sockets.server_protocol:socket_protocol
    --http live_inbox.sockets.server_protocol:http_protocol

They are the server's own classes (`live_inbox.internals.uvicorn_sockets` and `uvicorn_requests`), or uvicorn's where
uvicorn's internals have changed. The setting FAST_PATH turns off that of WebSockets alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from live_inbox.conf import inbox_settings
from live_inbox.sockets.open_files import ConnectionLimit, most_connections, open_files_limit

logger = logging.getLogger(__name__)

SHUTDOWN_RATE = 500.0
"""Sockets that are closed in a second when the server stops."""

SHUTDOWN_SECONDS = 5.0
"""How long the closing of all sockets is spread over, at most."""

IDLE_SHUTDOWN_SECONDS = 1.0
"""How long a connection without a request stays open when the server stops, for one that is on its way."""

CLOSE_SECONDS = 1.0
"""How long an API may take to close its socket, beyond `DRAIN_SECONDS`; then the server does."""


def socket_protocol(*args: Any, **kwargs: Any) -> asyncio.Protocol:
    """Return the protocol of a new socket. uvicorn calls this with what it passes to its own class."""
    # Not at import: uvicorn imports this before the application, which sets Django up.
    return protocol_class(fast=inbox_settings().fast_path)(*args, **kwargs)


@lru_cache(maxsize=2)
def protocol_class(*, fast: bool) -> Callable[..., asyncio.Protocol]:
    """Return the class that serves sockets."""
    if fast:
        try:
            from live_inbox.internals.uvicorn_sockets import DirectSocketProtocol
        except (ImportError, AttributeError):
            logger.warning(
                "This version of uvicorn does not fit the server's own WebSocket protocol class; uvicorn's class is "
                "used, which costs more memory and time for each socket.",
                exc_info=True,
            )
        else:
            return DirectSocketProtocol
    return _class_of_uvicorn()


def _class_of_uvicorn() -> Callable[..., asyncio.Protocol]:
    try:
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    except ImportError:
        from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

        assert AutoWebSocketsProtocol is not None
        return AutoWebSocketsProtocol
    return WebSocketsSansIOProtocol


def http_protocol(*args: Any, **kwargs: Any) -> asyncio.Protocol:
    """Return the protocol of a new connection. uvicorn calls this with what it passes to its own class."""
    return _http_class()(*args, **kwargs)


@lru_cache(maxsize=1)
def _http_class() -> Callable[..., asyncio.Protocol]:
    try:
        from live_inbox.internals.uvicorn_requests import BoundedHttpProtocol
    except (ImportError, AttributeError):
        logger.warning(
            "This version of uvicorn does not fit the server's own HTTP protocol class; uvicorn's class is used, which "
            "waits for the end of a request without a limit.",
            exc_info=True,
        )
        from uvicorn.protocols.http.auto import AutoHTTPProtocol

        return AutoHTTPProtocol
    return partial(BoundedHttpProtocol, limit=connection_limit())


@lru_cache(maxsize=1)
def connection_limit() -> ConnectionLimit:
    """Return this process's limit of connections."""
    by_files = most_connections(open_files_limit())
    by_setting = inbox_settings().max_connections
    if by_setting is not None and (by_files is None or by_setting < by_files):
        return ConnectionLimit(by_setting, "as many as MAX_CONNECTIONS allows")
    return ConnectionLimit(by_files)
