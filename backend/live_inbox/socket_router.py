"""Routes each WebSocket to the API at its path, and everything else to the project's applications."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import cached_property

from live_inbox.conf import inbox_settings
from live_inbox.lifespan import Lifespan
from live_inbox.per_loop import PerLoop
from live_inbox.socket_paths import path_in_project, socket_paths
from live_inbox.sockets.asgi import Application, Receive, Scope, Send
from live_inbox.sockets.forwarding import apply_forwarded

Apis = Mapping[str, Application]
"""The APIs' applications by name: `graphql` and `json` for sockets, `event_streams` for streams over HTTP."""


class SocketEndpoint:
    """The sockets or the streams of one API, as an ASGI application: those of the event loop's running inbox.

    Not `async`: the coroutine would stay on the stack of every socket for as long as it lives.
    """

    def __init__(self, api: str, inboxes: PerLoop[Apis]) -> None:
        self._api = api
        self._inboxes = inboxes

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a socket. On a server without lifespan, the first one starts the inbox."""
        # Here, where the project's own router may have brought it.
        apply_forwarded(scope, inbox_settings().proxies)
        apis = self._inboxes.current()
        if apis is None:
            return self._start_and_serve(scope, receive, send)
        return apis[self._api](scope, receive, send)

    async def _start_and_serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        apis = await self._inboxes.start()
        await apis[self._api](scope, receive, send)


class SocketRouter:
    """An ASGI application composed of others: one for HTTP, and one for the sockets at each path.

    Not Channels' routers: their coroutines stay on the stack of every socket, three kilobytes each.
    """

    def __init__(
        self,
        http: Application | None,
        endpoints: Mapping[str, Application],
        *,
        websocket: Application | None,
        prefix: str | None,
        lifespan: Lifespan,
    ) -> None:
        self._http = http or _not_served
        self._endpoints = endpoints
        self._websocket = websocket or _refuse
        self._prefix = prefix
        self._lifespan = lifespan

    # A coroutine function, by which servers tell an application of ASGI 3 from one of ASGI 2.
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, or the server's lifespan."""
        await self._application_for(scope)(scope, receive, send)

    def _application_for(self, scope: Scope) -> Application:
        if scope["type"] == "websocket":
            # Whether the path ends with a slash does not matter.
            name = self._names.get(path_in_project(scope).strip("/"))
            return self._websocket if name is None else self._endpoints[name]
        return self._lifespan if scope["type"] == "lifespan" else self._http

    @cached_property
    def _names(self) -> Mapping[str, str]:
        # Not in the constructor: it imports the project's URL configuration, which may import the caller's module.
        return socket_paths(self._prefix)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a socket at a path that no API has; the client sees HTTP 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


async def _not_served(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise ValueError: only sockets are served here."""
    raise ValueError(f"The inbox was mounted without an application for {scope['type']!r}.")
