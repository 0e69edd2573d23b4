"""Running an import: page after page, with what became of the rows so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError

from live_inbox import database
from live_inbox.clock import clock
from live_inbox.importing.preparing import prepare
from live_inbox.importing.rows import Page, Problem, Skipped, Source, SourceRow
from live_inbox.importing.user_keys import UserField
from live_inbox.importing.writing import Keyed, look_up_keys, write

_ATTEMPTS = 5
"""How often a page is tried that a concurrent import, or the deletion of a user, has interfered with."""
_CONFLICT = "This key was used for a notification of another recipient."


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: by which field the source names users, whether to shorten texts, and whether to write at all."""

    users: UserField = field(default_factory=UserField)
    truncate: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Tally:
    """What became of the rows so far. `skipped` and `problems` count the rows by reason; `last` is the last place."""

    read: int = 0
    last: str = ""
    imported: int = 0
    known: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """How many rows could not be imported."""
        return self.problems.total()


@dataclass(frozen=True, slots=True)
class Step:
    """What one page has come to: the tally of all pages so far, and the problems of this one."""

    tally: Tally
    problems: Sequence[Problem]


def run_import(
    source: Source, options: ImportOptions, *, now: datetime | None = None
) -> Iterator[Step]:
    """Import the rows of a source, each page in a transaction of its own; yield a step after each.

    A row whose key is stored already is counted as known, so an import can run again after it was interrupted. Rows
    that are not acceptable are reported, and do not stop the others.
    """
    tally = Tally()
    if now is None:
        database.now()  # measures the clock, which carries it on
    for page in source.pages():
        problems = _import_page(page, options, tally, now or clock.now())
        tally.problems.update(problem.message for problem in problems)
        yield Step(tally, problems)


def _import_page(page: Page, options: ImportOptions, tally: Tally, now: datetime) -> list[Problem]:
    rows = [row for row in page if isinstance(row, SourceRow)]
    keyed, problems = _store(rows, options, now)
    tally.read += len(page)
    tally.last = page[-1].place
    tally.skipped.update(row.reason for row in page if isinstance(row, Skipped))
    tally.imported += len(keyed.new)
    tally.known += len(keyed.known)
    return [
        *(row for row in page if isinstance(row, Problem)),
        *problems,
        *(Problem(row.place, "key", _CONFLICT, row.key) for row in keyed.conflicting),
    ]


def _store(
    rows: Sequence[SourceRow], options: ImportOptions, now: datetime
) -> tuple[Keyed, list[Problem]]:
    """Write the rows that are new; return what was found of all acceptable ones, and the problems of the others."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(IntegrityError):
            return _store_once(rows, options, now)
        options.users.forget()
    return _store_once(rows, options, now)


def _store_once(
    rows: Sequence[SourceRow], options: ImportOptions, now: datetime
) -> tuple[Keyed, list[Problem]]:
    """Do this once. Raises IntegrityError if another import has stored some of the rows, or a user was deleted."""
    prepared, problems = prepare(rows, users=options.users, now=now, truncate=options.truncate)
    keyed = look_up_keys(prepared)
    if not options.dry_run:
        write(keyed.new)
    return keyed, problems
