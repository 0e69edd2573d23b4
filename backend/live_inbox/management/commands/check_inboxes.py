"""manage.py check_inboxes: compares every inbox with its rows, and repairs it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from live_inbox.maintenance.repair import check_inboxes, renew_epochs
from live_inbox.management.inbox_command import InboxCommand


class Command(InboxCommand):
    """Compares counts and sequences with the rows."""

    help = (
        "Compare the counts and the log of every inbox with its rows. Exits with 1 if it finds a problem "
        "and does not repair it. Can run beside the server."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--fix",
            action="store_true",
            help="Repair. Devices that may have received something wrong reload.",
        )
        parser.add_argument(
            "--restored",
            action="store_true",
            help="The database comes from a backup: first make all devices reload, because they may "
            "have received events that it does not have.",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Print a line for each finding, then their number: on standard error if problems remain."""
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
            f"{found} finding{pluralize(found)} repaired." if found else "No problems found."
        )
        return None
