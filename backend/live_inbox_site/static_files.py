"""Static files, served by the application server itself, so that `make run` and small sites need no other server."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from wsgiref.headers import Headers

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic import ServeStaticASGI

from live_inbox.socket_paths import path_in_project
from live_inbox.sockets.asgi import Application, Receive, Scope, Send
from live_inbox.web.bundles import FOR_ALL_ORIGINS, PREFIX
from live_inbox_site.file_bodies import FileBodies

HASHED_NAME = r"^.+\.(?:[0-9a-f]{12}|[A-Z2-7]{8})\.[a-z0-9]+$"
"""Names with a hash of the content, as ManifestStaticFilesStorage and esbuild make them: cached for ever."""


class StaticFiles:
    """Serves the paths below STATIC_PATH from static files and passes other requests on.

    In front of Django, whose middleware would add work to every request. In production the files are those that
    `collectstatic` has collected; elsewhere those that it would collect, so that a new build is seen at once.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._path = f"/{settings.STATIC_PATH}"
        self._files = ServeStaticASGI(
            application,
            immutable_file_test=HASHED_NAME,
            autorefresh=settings.DEBUG,
            add_headers_function=_let_other_origins_embed,
        )
        self._bodies = FileBodies(are_final=not settings.DEBUG)
        for directory, path in _directories(self._path):
            self._files.add_files(directory, prefix=path)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] == "http":
            # Files are found by their path in the project, wherever the server has put the project.
            path = path_in_project(scope)
            if path.startswith(self._path):
                return self._serve({**scope, "path": path, "root_path": ""}, receive, send)
        return self._application(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        offered = self._bodies.offered_in(scope)
        await self._files(offered, receive, self._bodies.sender(scope, send))


def _let_other_origins_embed(headers: Headers, path: str, url: str) -> None:
    """Let pages of other origins use the web component."""
    if PREFIX in url:
        for name, value in FOR_ALL_ORIGINS.items():
            headers[name] = value


def _directories(path: str) -> list[tuple[str, str]]:
    """Return the directories of static files, each with the path below which its files are served."""
    if settings.IS_PRODUCTION:
        collected = Path(settings.STATIC_ROOT)
        return [(str(collected), path)] if collected.is_dir() else []
    storages = [
        storage for finder in get_finders() for storage in getattr(finder, "storages", {}).values()
    ]
    return [(str(each.location), f"{path}{getattr(each, 'prefix', '') or ''}") for each in storages]
