"""Which web pages may open a GraphQL socket.

Browsers do not apply CORS to WebSocket handshakes, and add the user's cookies to them. So the Origin header is checked
before a socket is accepted (cross-site WebSocket hijacking, RFC 6455, section 10.2).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

logger = logging.getLogger(__name__)

_DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int | None]
"""Scheme, host name and port."""


class OriginCheck:
    """The check of one server. `allowed_origins` are those of pages on other hosts.

    Raises ValueError for a value that is no origin.
    """

    def __init__(self, allowed_origins: Iterable[str]) -> None:
        self._allowed = {_required(each) for each in allowed_origins}

    def allows(self, scope: Mapping[str, Any]) -> bool:
        """Return whether the page that opens a socket may do so, which then acts with the user's cookies.

        A client that sends no Origin is not a browser, and has no cookies but its own.
        """
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        text = headers.get(b"origin")
        if text is None or headers.get(b"sec-fetch-site") == "same-origin":
            return True
        origin = parse_origin(text)
        if origin is not None and (
            origin in self._allowed or _is_same_host(origin, headers.get(b"host"))
        ):
            return True
        logger.warning("A socket of the origin %r was refused: see ALLOWED_ORIGINS.", text)
        return False


def parse_origin(text: str) -> Origin | None:
    """Return an origin with its default port; None for what is none, such as `null`."""
    try:
        parts = urlsplit(text.strip())
        scheme = parts.scheme.lower()
        port = _port(parts, scheme)
    except ValueError:
        return None
    if not scheme or not parts.hostname:
        return None
    return scheme, parts.hostname, port


def _required(text: str) -> Origin:
    origin = parse_origin(text)
    if origin is None:
        raise ValueError(f"{text!r} is no origin; one looks like https://app.example.com")
    return origin


def _is_same_host(origin: Origin, host: str | None) -> bool:
    """Compare host and port only: where a proxy ends TLS, the page is `https` and the request `http`."""
    scheme, name, port = origin
    try:
        parts = urlsplit(f"//{(host or '').strip()}")
        return (parts.hostname, _port(parts, scheme)) == (name, port)
    except ValueError:
        return False


def _port(parts: SplitResult, scheme: str) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(scheme)
