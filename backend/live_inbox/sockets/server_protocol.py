"""The WebSocket protocol class for uvicorn: `--ws live_inbox.sockets.server_protocol:socket_protocol`.

It is the server's own class (`live_inbox.internals.uvicorn_sockets`), or uvicorn's where the setting FAST_PATH is off
or uvicorn's internals have changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from live_inbox.conf import inbox_settings

logger = logging.getLogger(__name__)

SHUTDOWN_RATE = 500.0
"""Sockets that are closed in a second when the server stops."""

SHUTDOWN_SECONDS = 5.0
"""How long the closing of all sockets is spread over, at most."""

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
