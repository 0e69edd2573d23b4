"""The files that `node frontend/build.mjs` has made of the sources in `frontend/`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

DIST = Path(__file__).resolve().parents[1] / "static" / "live_inbox" / "web"
PREFIX = "live_inbox/web/"
"""Where they are served, below STATIC_URL."""


class NotBuilt(Exception):
    """Raised when the web pages have not been built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Bundles:
    """The addresses of the files, by the names that the sources know them by."""

    names: dict[str, str]

    @classmethod
    def read(cls) -> Bundles:
        """Return what the latest build has made; raise NotBuilt if there was none.

        Read for each page: it is one small file, and a build beside a server that runs is seen at once.
        """
        try:
            names = json.loads((DIST / "manifest.json").read_text())
        except (OSError, ValueError):
            raise NotBuilt(
                "The web pages have not been built. They need Node 20 or newer: install it, then run "
                "`make run` again, or `node frontend/build.mjs`."
            ) from None
        return cls(names)

    def url(self, name: str) -> str:
        """Return the address of one file."""
        return f"{settings.STATIC_URL}{PREFIX}{self.names[name]}"
