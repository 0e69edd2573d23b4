"""Django's ASGI handler, without the reference cycles that keep requests and responses after their end.

What is in a cycle stays in memory until a garbage collection, and a server makes few new objects that would cause one
(`process_tuning`). Two cycles matter:

- A client that leaves: Django waits for that in a task that ends with an exception, and raises it again where the task
  and the response are variables. The exception refers to the frame, the frame to the task, and the task to the
  exception. Clients that ask for the largest lists and leave could fill a hundred megabytes with responses.
- Every request: it has attributes that refer back to it, which middleware has set.

What this relies on: `listen_for_disconnect`, `create_request` and `handle` of Django's ASGIHandler.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import RequestAborted, SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponseBadRequest

_REQUEST = "live_inbox_site.request"
"""Where the scope has the request until its end."""

_REFERRING = ("_messages", "auser", "user")
"""Attributes of a request that refer to it, set by Django's middleware for messages and authentication."""


class DjangoHandler(ASGIHandler):
    """Serves requests by Django's middleware and views."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request. Raises ValueError for anything else."""
        # Here already: Django raises the same, which Sentry reports at each start of a server.
        if scope["type"] != "http":
            raise ValueError("Django serves HTTP only.")
        await super().__call__(scope, receive, send)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Return the request, or None and an answer; note the request in the scope."""
        try:
            request, refusal = super().create_request(scope, body_file)
        except SuspiciousOperation:
            # With a charset in Content-Type, Django reads the query string already here.
            return None, HttpResponseBadRequest()
        scope[_REQUEST] = request
        return request, refusal

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request."""
        try:
            await super().handle(scope, receive, send)
        finally:
            request = scope.pop(_REQUEST, None)
            if request is not None:
                for name in _REFERRING:
                    vars(request).pop(name, None)

    async def listen_for_disconnect(self, receive: Any) -> None:
        """Return when the client has left: Django then cancels the view, as it does for the exception."""
        with suppress(RequestAborted):
            await super().listen_for_disconnect(receive)


def django_handler() -> DjangoHandler:
    """Set Django up, and return the handler, with middleware that runs on the event loop."""
    django.setup(set_prefix=False)
    # Needs Django's app registry.
    from live_inbox_site.inline_middleware import inline

    own = settings.MIDDLEWARE
    # Django reads the setting when it makes the handler, and has no other way to choose. Its checks for deployment look
    # for its own classes in the setting, so that is as usual everywhere else.
    settings.MIDDLEWARE = inline(own)
    try:
        return DjangoHandler()
    finally:
        settings.MIDDLEWARE = own
