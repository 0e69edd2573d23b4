"""Puts the client's address and scheme into the ASGI scope of a connection that a trusted proxy has forwarded."""

from __future__ import annotations

from live_inbox.client_addresses import TrustedProxies
from live_inbox.sockets.asgi import Scope

_SCHEMES = {"http": False, "https": True, "ws": False, "wss": True}
"""The values of X-Forwarded-Proto, and whether they are secure."""


def apply_forwarded(scope: Scope, proxies: TrustedProxies) -> None:
    """Set `client` and `scheme` of the scope. To do so twice, or after the server has done it, changes nothing more."""
    peer = scope["client"][0] if scope.get("client") else None
    if not proxies.trusts(peer):
        return
    forwarded_for: list[str] = []
    proto = ""
    for name, value in scope["headers"]:
        if name == b"x-forwarded-for":
            forwarded_for.append(value.decode("latin-1"))
        elif name == b"x-forwarded-proto":
            proto = value.decode("latin-1").strip().lower()
    client = proxies.client(peer, forwarded_for)
    if client is not None and client != peer:
        scope["client"] = (client, 0)
    is_secure = _SCHEMES.get(proto)
    if is_secure is not None:
        plain = "ws" if scope["type"] == "websocket" else "http"
        scope["scheme"] = f"{plain}s" if is_secure else plain
