"""Files of the repository that are made from the code, and must agree with it."""

from __future__ import annotations

import difflib
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from live_inbox_site.environment import SITE_DIRECTORY


class GeneratedFileCommand(BaseCommand):
    """A command that writes such a file or, with `--check`, only compares it."""

    path: ClassVar[Path]
    requires_system_checks = ()  # a page can be printed without a secret key

    @abstractmethod
    def text(self) -> str:
        """Return what the file must contain."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the comparison."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Write nothing; show the difference and exit with 1 if there is one.",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Write or compare."""
        name = self._name()
        if not options["check"]:
            self.path.write_text(self.text(), encoding="utf-8")
            self.stdout.write(f"Wrote {name}.")
            return None
        there = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        difference = list(_difference(there, self.text(), name))
        if difference:
            self.stdout.write("\n".join(difference))
            command = self.__module__.rpartition(".")[2]
            raise CommandError(f"{name} is out of date: run `manage.py {command}` and commit it.")
        self.stdout.write(f"{name} is up to date.")
        return None

    def _name(self) -> str:
        inside = self.path.is_relative_to(SITE_DIRECTORY)
        return str(self.path.relative_to(SITE_DIRECTORY) if inside else self.path)


def _difference(there: str, wanted: str, name: str) -> list[str]:
    lines = (there.splitlines(), wanted.splitlines())
    return list(difflib.unified_diff(*lines, name, f"{name} as the code has it", lineterm=""))
