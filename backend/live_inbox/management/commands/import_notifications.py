"""manage.py import_notifications: puts the notifications of another system into inboxes."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from django.core.exceptions import FieldError
from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from live_inbox.importing.rows import Problem, Source
from live_inbox.importing.running import ImportOptions, Tally, run_import
from live_inbox.importing.user_keys import UserField
from live_inbox.management.import_sources import SOURCES, make_source
from live_inbox.management.inbox_command import InboxCommand
from live_inbox.management.progress import ProgressBar

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as in shells: 128 + SIGINT."""


class Command(InboxCommand):
    """Imports notifications with their times and read states, each once however often it runs."""

    help = (
        "Import notifications from django-notifications-hq, from a copy of the original guide's model, or from a file. "
        "Can run again after an interruption, and beside the server: open devices reload once. Exits with 1 if "
        "some rows cannot be imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the source and the options."""
        parser.add_argument(
            "file", nargs="?", metavar="FILE", help="The file, with --from csv and --from jsonl."
        )
        parser.add_argument(
            "--from", dest="source", required=True, choices=SOURCES, help="Where they come from."
        )
        parser.add_argument(
            "--model",
            metavar="APP.MODEL",
            help="The model to read (default with --from hq: notifications.Notification).",
        )
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="OURS=THEIRS",
            help="A column of a file, or a field of the guide's model, that has another name; repeatable.",
        )
        parser.add_argument(
            "--ignore",
            action="append",
            default=[],
            metavar="COLUMN",
            help="A column of a file to leave out; repeatable.",
        )
        parser.add_argument(
            "--recipient-field",
            default="pk",
            metavar="FIELD",
            help="The field of the user model by which a file names recipients and senders (default: pk).",
        )
        parser.add_argument(
            "--type-from",
            choices=("level", "verb"),
            default="level",
            help="What becomes the type with --from hq (default: %(default)s).",
        )
        parser.add_argument(
            "--truncate", action="store_true", help="Shorten titles and messages that are too long."
        )
        start = parser.add_mutually_exclusive_group()
        start.add_argument(
            "--after",
            metavar="KEY",
            help="Leave out the rows up to this primary key of the table, or line of the file.",
        )
        start.add_argument(
            "--resume",
            action="store_true",
            help="Leave out the rows of the table up to the last one that has been imported.",
        )
        parser.add_argument(
            "--errors", metavar="FILE", help="Also write the rows that fail into this CSV file."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Write nothing; print what would be imported."
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Import; print each problem on standard error, then the numbers."""
        if options["recipient_field"] != "pk" and options["file"] is None:
            raise CommandError("--recipient-field is for files.")
        path = options["errors"]
        with nullcontext() if path is None else _create(path) as errors:
            try:
                tally = self._import(options, errors)
            except FieldError as error:
                raise CommandError(str(error)) from error
        self._summarize(tally, dry_run=options["dry_run"])
        if tally.failed:
            raise CommandError(
                f"{tally.failed} row{pluralize(tally.failed)} could not be imported."
            )
        return None

    def _import(self, options: dict[str, Any], errors: TextIO | None) -> Tally:
        source = make_source(options)
        plan = ImportOptions(
            users=UserField(options["recipient_field"]),
            truncate=options["truncate"],
            dry_run=options["dry_run"],
        )
        bar = self._progress_bar(source)
        tally = Tally()
        try:
            for step in run_import(source, plan):
                tally = step.tally
                self._report(step.problems, bar, errors)
                bar.update(tally.read)
        except KeyboardInterrupt:
            bar.clear()
            self.stderr.write(f"Stopped after {tally.read} rows. Run it again to continue.")
            raise SystemExit(INTERRUPTED) from None
        bar.clear()
        return tally

    def _progress_bar(self, source: Source) -> ProgressBar:
        """Return a bar on standard error if that is a terminal, else one that draws nothing."""
        if not self.stderr.isatty():
            return ProgressBar(lambda text: None, total=None, clock=time.monotonic)
        return ProgressBar(self._draw, total=source.total(), clock=time.monotonic)

    def _draw(self, text: str) -> None:
        self.stderr.write(text, style_func=str, ending="")
        self.stderr.flush()

    def _report(self, problems: Sequence[Problem], bar: ProgressBar, errors: TextIO | None) -> None:
        if problems:
            bar.clear()
        for problem in problems:
            self.stderr.write(str(problem))
        if errors is not None:
            csv.writer(errors).writerows(
                (problem.place, problem.field, problem.message, problem.value)
                for problem in problems
            )
            errors.flush()

    def _summarize(self, tally: Tally, *, dry_run: bool) -> None:
        would_be = "would be imported" if dry_run else "imported"
        self.stdout.write(
            f"{tally.read} row{pluralize(tally.read)} read: {tally.imported} {would_be}, "
            f"{tally.known} imported before, {tally.skipped.total()} skipped, {tally.failed} with problems."
        )
        if tally.last:
            self.stdout.write(f"The last row is {tally.last}.")
        for reason, count in tally.skipped.most_common():
            self.stdout.write(f"  {count} skipped: {reason}")
        for message, count in tally.problems.most_common(_MOST_PROBLEMS):
            self.stdout.write(f"  {count} with the problem: {message}")


_MOST_PROBLEMS = 20
"""Kinds of problem that the summary lists, the most frequent first."""


@contextmanager
def _create(path: str) -> Iterator[TextIO]:
    """Create the CSV file of the rows that fail, with its header."""
    try:
        file = Path(path).open("w", encoding="utf-8", errors="backslashreplace", newline="")  # noqa: SIM115
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    with file:
        csv.writer(file).writerow(("place", "field", "problem", "value"))
        yield file
