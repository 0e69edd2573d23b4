"""Puts the inbox in front of a project's ASGI application."""

from __future__ import annotations

from collections.abc import Callable

from live_inbox.sockets.asgi import Application


def mount(http: Application, *, on_started: Callable[[], None] | None = None) -> Application:
    """Return an ASGI application that serves the inbox's sockets, and leaves HTTP to `http`.

    Call it once for each process, after `django.core.asgi.get_asgi_application()`. `on_started` is called when the
    hub has started. Raises ImproperlyConfigured for settings that cannot work.
    """
    # Not at import: the models can be imported only once Django has been set up.
    from live_inbox.application import build_application

    return build_application(http, on_started=on_started)
