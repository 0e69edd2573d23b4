"""Builds the web bundles into the package: the build hook of pyproject.toml.

A checkout has the sources in `frontend/`, from which Node makes the bundles. A source distribution has the bundles
instead, and builds nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MANIFEST = "backend/live_inbox/static/live_inbox/web/manifest.json"


class WebBundles(BuildHookInterface[Any]):
    """Brings the bundles up to date before they are packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundles, but not for an editable install: `make run` builds those."""
        root = Path(self.root)
        if version == "editable":
            return
        if (root / "frontend" / "build.mjs").exists():
            sys.path.insert(0, str(root / "backend"))
            from live_inbox_site.building import build

            build()
        if not (root / MANIFEST).exists():
            raise FileNotFoundError(f"{MANIFEST} is missing: build from a checkout or a release.")
