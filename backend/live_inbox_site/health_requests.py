"""Answers the health endpoints before Django's handler, signals and middleware, which take longer than the answers."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

from live_inbox.health_middleware import View, answer, health_views
from live_inbox.socket_paths import path_in_project
from live_inbox.sockets.asgi import Application, Receive, Scope, Send


class HealthRequests:
    """Serves GET and HEAD of the endpoints as HealthMiddleware does, and passes everything else on."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            view = health_views(settings.ROOT_URLCONF).get(path_in_project(scope))
            # Django refuses some query strings.
            with suppress(SuspiciousOperation):
                if view is not None:
                    await _serve(view, ASGIRequest(scope, BytesIO()), send)
                    return
        await self._application(scope, receive, send)


async def _serve(view: View, request: HttpRequest, send: Send) -> None:
    response = await answer(view, request)
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": response.content})
