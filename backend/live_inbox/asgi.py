"""Puts the inbox into a project's ASGI application: in front of it, or among its own consumers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_inbox.sockets.asgi import Application


def mount(
    http: Application | None = None,
    *,
    websocket: Application | None = None,
    prefix: str | None = None,
    on_started: Callable[[], None] | None = None,
    serves_requests: bool = True,
) -> Application:
    """Return an ASGI application that serves the inbox's sockets, and leaves the rest to the project's applications.

    Call it after `django.core.asgi.get_asgi_application()`. `http` gets the requests, and the server's lifespan if it
    has one. GraphQL requests with a token do not reach it where nothing of its middleware concerns them: see
    BYPASS_MIDDLEWARE. With `serves_requests=False` it gets all. `websocket` gets the sockets at other paths; without it
    they are refused. `prefix` is where the sockets are ("inbox/"); by default, where `include("live_inbox.urls")` is.
    `on_started` is called by a server with lifespan, when the inbox has started. Raises ImproperlyConfigured for
    settings that cannot work.
    """
    # Not at import: the models can be imported only once Django has been set up.
    from live_inbox.application import build_application

    return build_application(
        http,
        websocket=websocket,
        prefix=prefix,
        on_started=on_started,
        serves_requests=serves_requests,
    )


def requests_with_token(http: Application) -> Application:
    """Return an application that serves GraphQL requests with a token itself, and leaves the rest to `http`.

    `mount` does so by itself. This is for what has to stand before it: give `serves_requests=False` to `mount` then.
    """
    from live_inbox.application import requests_with_token

    return requests_with_token(http)


def websocket_urlpatterns(prefix: str = "") -> list[Any]:
    """Return the routes of both APIs for Channels' URLRouter: `URLRouter([*websocket_urlpatterns(), ...])`.

    They are Django's URLPatterns with ASGI applications in place of views, a type that only Channels' stubs have.

    `prefix` as in `path(prefix, include("live_inbox.urls"))`. Raises ImproperlyConfigured for settings that cannot
    work.
    """
    from live_inbox.application import build_routes

    return build_routes(prefix)
