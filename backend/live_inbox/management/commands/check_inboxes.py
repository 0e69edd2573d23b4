"""manage.py check_inboxes: verifies every inbox against its rows, and repairs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from live_inbox.maintenance.repair import check_inboxes, renew_epochs
from live_inbox.management.inbox_command import InboxCommand


class Command(InboxCommand):
    """Compares counts and sequences with the rows."""

    help = (
        "Verify the counts and the log of every inbox against its rows. Exits with 1 if something is "
        "wrong and was not repaired. Can run while the server does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what is done about what is found."""
        parser.add_argument(
            "--fix",
            action="store_true",
            help="Repair. Devices that may have been told something wrong are told to reload.",
        )
        parser.add_argument(
            "--restored",
            action="store_true",
            help="The database comes from a backup: first tell all devices to reload, because they "
            "may have seen events that are no more.",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Print a line for each finding; the sum goes to standard error if it is not good."""
        if options["restored"]:
            count = renew_epochs()
            self.stdout.write(
                f"{count} inbox{pluralize(count, 'es')} got a new epoch: their devices reload."
            )
        fix = options["fix"]
        found = 0
        for finding in check_inboxes(fix=fix):
            found += 1
            self.stdout.write(f"{finding}; repaired." if fix else f"{finding}.")
        if found and not fix:
            raise CommandError(f"{found} finding{pluralize(found)}. Repair with --fix.")
        self.stdout.write(
            f"{found} finding{pluralize(found)} repaired." if found else "All inboxes are right."
        )
        return None
