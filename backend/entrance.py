"""The entrance: leads each connection to its door."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from backend.sockets.asgi import Application, Receive, Scope, Send


class Entrance:
    """An ASGI application made of others: one for HTTP, and one for the sockets at each path.

    Not Channels' routers: their coroutines stay on the stack of every socket for as long as it lives, three
    kilobytes each. This one is gone as soon as the door is found.
    """

    def __init__(self, http: Application, doors: Mapping[str, Application]) -> None:
        self._http = http
        self._doors = doors

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a connection. Whether the path of a socket ends with a slash does not matter."""
        if scope["type"] == "http":
            return self._http(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path") or "").strip("/")
        return self._doors.get(path, _no_door)(scope, receive, send)


async def _no_door(scope: Scope, receive: Receive, send: Send) -> None:
    """Close a socket at an address where there is no door; the client sees HTTP 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})
