"""A checkout of the product: where its packages lie, and what its settings are called.

`--earlier` measures another checkout with the scripts and the interpreter of this one. That checkout may have the
packages `live_inbox*`, as this one, or be from before the move, when they were `backend.*` and `graphql_schema.*`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stacks.uvicorn_server import REPOSITORY

SETTINGS = "live_inbox_site.settings"
SETTINGS_BEFORE_MOVE = "backend.settings"
NAMES_BEFORE_MOVE = {"RECONCILE_SECONDS": "WATCH_SECONDS", "DRAIN_SECONDS": "FINISHING_SECONDS"}


@dataclass(frozen=True)
class Checkout:
    """One checkout of the product, of this layout or of the one before the move."""

    directory: Path = REPOSITORY

    @property
    def is_before_move(self) -> bool:
        """Whether `backend` is itself the package, not the folder of the packages."""
        return not (self.directory / "backend" / "live_inbox").is_dir()

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a process of this checkout; `settings` have the names of this layout."""
        before = self.is_before_move
        names = NAMES_BEFORE_MOVE if before else {}
        return {names.get(name, name): value for name, value in settings.items()} | {
            "DJANGO_SETTINGS_MODULE": SETTINGS_BEFORE_MOVE if before else SETTINGS,
            "PYTHONPATH": self._search_path(),
        }

    def _search_path(self) -> str:
        """Return the packages of this checkout before the installed ones, and always the scripts of this suite."""
        folders = (Path(),) if self.is_before_move else (Path("backend"), Path("graphql_schema"))
        roots = [self.directory / folder for folder in folders]
        # In this order a folder `backend` of this repository hides no package `backend` of the other.
        return os.pathsep.join(map(str, [REPOSITORY, *roots]))
