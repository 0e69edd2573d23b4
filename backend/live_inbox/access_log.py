"""The access log: a line for a share of the requests and sockets, when they end."""

from __future__ import annotations

import logging
import random
from typing import Any

from live_inbox.conf import inbox_settings

logger = logging.getLogger("live_inbox.access")


def is_chosen() -> bool:
    """Return whether a request or a socket gets a line, by the share ACCESS_LOG."""
    share = inbox_settings().access_log
    return share > 0 and random.random() < share  # noqa: S311  # no secret


def log_request(method: str, path: str, status: int, seconds: float) -> None:
    """Log a request that was answered. The path has no query, and is percent-encoded."""
    milliseconds = round(seconds * 1000, 1)
    fields: dict[str, Any] = {
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": milliseconds,
    }
    _log(fields, "%s %s %d %.1f ms", method, path, status, milliseconds)


def log_socket(api: str, subprotocol: str | None, code: int | None, seconds: float) -> None:
    """Log a socket that has ended, and by which close code if this server has closed it."""
    fields: dict[str, Any] = {
        "api": api,
        "subprotocol": subprotocol or "",
        "code": code,
        "duration_ms": round(seconds * 1000, 1),
    }
    _log(fields, "socket %s %s %.1f s", api, "left" if code is None else code, seconds)


def _log(fields: dict[str, Any], text: str, *arguments: object) -> None:
    logger.info(text, *arguments, extra={"fields": fields})
