"""A planted bug: a small, declared change of the product that at least one test has to notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.stacks.stack import StackName


class Stale(Exception):
    """Raised for a planted bug that no longer fits the code: it has to be brought up to date."""


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """A text of the product that is replaced by another one, and the tests of which at least one then fails."""

    name: str
    """One word or a few with dashes, for the command line."""
    breaks: str
    """What a user or a programmer would notice."""
    file: str
    """The file, below the repository."""
    original: str
    """The text that is replaced. It occurs exactly once in the file."""
    replacement: str
    caught_by: tuple[str, ...]
    """Tests, as pytest names them. Quick ones: all of them together have a minute."""
    stack: StackName = "embedded"

    def plant(self, repository: Path) -> str:
        """Write the bug into a checkout, and return the text that the file had. Raises Stale.

        The result is compiled: a bug that is no Python would be caught by everything, and prove nothing.
        """
        path = repository / self.file
        before = self._read(path)
        found = before.count(self.original)
        if found != 1:
            raise Stale(f"{self.name}: {self.file} has the original text {found} times, not once.")
        after = before.replace(self.original, self.replacement)
        if after == before:
            raise Stale(f"{self.name}: the replacement is the original.")
        try:
            compile(after, str(path), "exec")
        except SyntaxError as error:
            raise Stale(f"{self.name}: {self.file} is no Python any more: {error}.") from None
        path.write_text(after)
        return before

    def _read(self, path: Path) -> str:
        try:
            return path.read_text()
        except FileNotFoundError:
            raise Stale(f"{self.name}: there is no file {self.file}.") from None
