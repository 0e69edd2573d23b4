"""Puts what a trusted proxy says of a connection into its ASGI scope: the client's address, the scheme and the host."""

from __future__ import annotations

from django.conf import settings

from live_inbox.client_addresses import TrustedProxies
from live_inbox.sockets.asgi import Scope

_SCHEMES = {"http": False, "https": True, "ws": False, "wss": True}
"""The values of X-Forwarded-Proto, and whether they are secure."""


def apply_forwarded(scope: Scope, proxies: TrustedProxies) -> None:
    """Set `client` and `scheme` of the scope, and the port of the host that a proxy has dropped.

    Where proxies are known, X-Forwarded-Host of others counts no more, which Django would believe with
    USE_X_FORWARDED_HOST. To do all this twice, or after the server has done it, changes nothing more.
    """
    client = scope.get("client")
    peer = client[0] if client else None
    if not proxies.trusts(peer):
        # A server that has replaced the peer itself, because it trusts the proxy, leaves the port 0.
        if proxies.are_there and settings.USE_X_FORWARDED_HOST and client and client[1]:
            _set_header(scope, b"x-forwarded-host", _header(scope, b"host") or b"")
        return
    forwarded_for: list[str] = []
    proto = port = ""
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            forwarded_for.append(value.decode("latin-1"))
        elif name == b"x-forwarded-proto":
            proto = value.decode("latin-1").strip().lower()
        elif name == b"x-forwarded-port":
            port = value.decode("latin-1").strip()
    address = proxies.client(peer, forwarded_for)
    if address is not None and address != peer:
        scope["client"] = (address, 0)
    is_secure = _SCHEMES.get(proto)
    if is_secure is not None:
        plain = "ws" if scope["type"] == "websocket" else "http"
        scope["scheme"] = f"{plain}s" if is_secure else plain
    if port:
        _complete_host(scope, port)


def _complete_host(scope: Scope, port: str) -> None:
    """Add the port to a host without one, if that makes it the host of the page that sends the request.

    In no other case: a proxy behind another one may send a port that clients do not know.
    """
    is_forwarded = settings.USE_X_FORWARDED_HOST and _header(scope, b"x-forwarded-host")
    name = b"x-forwarded-host" if is_forwarded else b"host"
    host = (_header(scope, name) or b"").strip().lower()
    scheme = "https" if _SCHEMES.get(scope.get("scheme", "")) else "http"
    completed = b"%b:%b" % (host, port.encode("latin-1"))
    if _header(scope, b"origin") == b"%b://%b" % (scheme.encode(), completed):
        _set_header(scope, name, completed)


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)


def _set_header(scope: Scope, name: bytes, value: bytes) -> None:
    """Replace a header where there is one. The list may be the server's, so it is not changed."""
    scope["headers"] = [(key, value if key == name else old) for key, old in scope["headers"]]
