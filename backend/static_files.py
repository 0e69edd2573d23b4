"""Static files, served by the application server itself, so that `make run` and small sites need no other."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from servestatic import ServeStaticASGI

from backend.lifespan import Application


def with_static_files(application: Application) -> Application:
    """Answer requests below STATIC_URL from the collected files; pass everything else on.

    In front of Django, because its middleware chain would add a thread change to every request. Names with a
    content hash are cached for ever.
    """
    root = settings.STATIC_ROOT
    if not root.is_dir():
        return application
    files = ServeStaticASGI(
        application, root=str(root), prefix=settings.STATIC_URL, immutable_file_test=_is_hashed
    )
    return cast("Application", files)


def _is_hashed(path: str, url: str) -> bool:
    """Whether the file's name carries a hash of its content, as ManifestStaticFilesStorage gives it."""
    parts = url.rsplit("/", 1)[-1].split(".")
    return len(parts) > 2 and len(parts[-2]) == 12 and parts[-2].isalnum()
