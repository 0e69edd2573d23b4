"""Which build of the product this is."""

from __future__ import annotations

import platform

import django

from live_inbox import __version__, metrics
from live_inbox.conf import inbox_settings


def build_info() -> dict[str, str | None]:
    """Return the version and, if the setting COMMIT names it, the commit."""
    return {"version": __version__, "commit": inbox_settings().commit or None}


def note_build() -> None:
    """Have the metrics show the build, with the versions of Python and Django."""
    versions = (platform.python_version(), django.get_version())
    metrics.BUILD.labels(__version__, inbox_settings().commit, *versions).set(1)
