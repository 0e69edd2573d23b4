"""Static files, served by the application server itself, so that `make run` and small sites need no other server."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic import ServeStaticASGI

from live_inbox.sockets.asgi import Application

HASHED_NAME = r"^.+\.(?:[0-9a-f]{12}|[A-Z2-7]{8})\.[a-z0-9]+$"
"""Names with a hash of the content, as ManifestStaticFilesStorage and esbuild make them: cached for ever."""


def with_static_files(application: Application) -> Application:
    """Serve STATIC_URL from static files and pass other requests on.

    In front of Django, whose middleware would add work to every request. In production the files are those that
    `collectstatic` has collected; elsewhere those that it would collect, so that a new build is seen at once.
    """
    files = ServeStaticASGI(
        application, immutable_file_test=HASHED_NAME, autorefresh=settings.DEBUG
    )
    if not settings.IS_PRODUCTION:
        for finder in get_finders():
            for storage in getattr(finder, "storages", {}).values():
                prefix = getattr(storage, "prefix", None) or ""
                files.add_files(str(storage.location), prefix=f"{settings.STATIC_URL}{prefix}")
    elif Path(settings.STATIC_ROOT).is_dir():
        files.add_files(str(settings.STATIC_ROOT), prefix=settings.STATIC_URL)
    return cast("Application", files)
