"""The JavaScript and CSS bundles that `node frontend/build.mjs` builds from `frontend/`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from django.templatetags.static import static

DIST = Path(__file__).resolve().parents[1] / "static" / "live_inbox" / "web"
PREFIX = "live_inbox/web/"
"""Their path among the static files."""

FOR_ALL_ORIGINS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""The headers with which pages of other origins may use them: as modules, with `crossorigin`, and under COEP."""


class NotBuilt(Exception):
    """Raised when the bundles have not been built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Bundles:
    """The hashed file names of the latest build, by source name."""

    names: dict[str, str]

    @classmethod
    def read(cls) -> Bundles:
        """Read the manifest of the latest build; raise NotBuilt if there is none.

        Read for each page: it is one small file, and a new build takes effect without a restart.
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
        """Return the URL of one file; raise KeyError for an unknown name."""
        return static(f"{PREFIX}{self.names[name]}")
