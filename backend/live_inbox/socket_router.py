"""Routes each WebSocket to the API at its path, and everything else to the HTTP application."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from live_inbox.sockets.asgi import Application, Receive, Scope, Send


class SocketRouter:
    """An ASGI application composed of others: one for HTTP, and one for the sockets at each path.

    Not Channels' routers: their coroutines stay on the stack of every socket for as long as it lives, three
    kilobytes each. This one leaves the stack as soon as the API is found.
    """

    def __init__(self, http: Application, apis: Mapping[str, Application]) -> None:
        self._http = http
        self._apis = apis

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a connection. Whether the path of a socket ends with a slash does not matter."""
        if scope["type"] == "http":
            return self._http(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path") or "").strip("/")
        return self._apis.get(path, _not_found)(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a socket at a path that no API has; the client sees HTTP 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})
