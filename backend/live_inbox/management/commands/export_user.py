"""manage.py export_user: writes what the inbox holds about a user."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import CommandError, CommandParser

from live_inbox.management.arguments import add_subject, find_subject
from live_inbox.management.inbox_command import InboxCommand
from live_inbox.personal_data.exporting import export_user


class Command(InboxCommand):
    """Writes JSON lines: the access and the portability of the GDPR, articles 15 and 20."""

    help = (
        "Export what the inbox holds about a user, as JSON lines: one record on each line, in bounded memory. "
        "Can run beside the server."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the user and the file."""
        add_subject(parser)
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="Write into this new file, which only its owner can read, instead of the standard output.",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Write the records; with a file, print how many there are."""
        subject, name = find_subject(options["user"], is_deleted=options["deleted"])
        lines = (orjson.dumps(record).decode() for record in export_user(subject))
        if options["output"] is None:
            for line in lines:
                self.stdout.write(line)
            return None
        count = _write(Path(options["output"]), lines)
        self.stdout.write(f"Exported {count} records of {name} to {options['output']}.")
        return None


def _write(path: Path, lines: Iterable[str]) -> int:
    """Write a file that was not there; return the number of lines. No part of it stays if that fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"Cannot create {path}: {error.strerror}.") from error
    count = 0
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            for line in lines:
                file.write(f"{line}\n")
                count += 1
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return count
