"""Static files, served by the application server itself, so that `make run` and small sites need no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic import ServeStaticASGI

from live_inbox.sockets.asgi import Application

_HASHED = re.compile(r".+\.(?:[0-9a-f]{12}|[A-Z2-7]{8})\.[a-z0-9]+")
"""Names that carry a hash of the content, as Django's ManifestStaticFilesStorage and esbuild give them."""


def with_static_files(application: Application) -> Application:
    """Answer requests below STATIC_URL from the static files; pass everything else on.

    In front of Django, because its middleware chain would add a thread change to every request. The files are
    those that `collectstatic` has collected or, on a developer's machine, those that it would collect. Names
    with a content hash are cached for ever.
    """
    files = ServeStaticASGI(
        application,
        immutable_file_test=_is_hashed,
        # A developer's server sees files that were built after its start.
        autorefresh=settings.DEBUG,
    )
    for root, prefix in _directories():
        files.add_files(root, prefix=f"{settings.STATIC_URL}{prefix}")
    return cast("Application", files)


def _directories() -> Iterator[tuple[str, str]]:
    """Yield directories of static files, and where each lies below STATIC_URL."""
    if settings.STATIC_ROOT.is_dir():
        yield str(settings.STATIC_ROOT), ""
    elif not settings.IS_PRODUCTION:
        for finder in get_finders():
            for storage in getattr(finder, "storages", {}).values():
                yield str(storage.location), getattr(storage, "prefix", None) or ""


def _is_hashed(path: str, url: str) -> bool:
    """Whether the file's name carries a hash of its content."""
    return _HASHED.fullmatch(url.rsplit("/", 1)[-1]) is not None
