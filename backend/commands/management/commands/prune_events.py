"""manage.py prune_events: shortens the logs. To be run every day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.template.defaultfilters import pluralize

from backend.commands.arguments import whole_number
from backend.commands.command import InboxCommand
from backend.notifications.pruning import prune_events


class Command(InboxCommand):
    """Removes events that are too old or too many. Notifications stay."""

    help = (
        "Remove old events from the logs of all inboxes; notifications stay. A device that was away "
        "for longer is told to reload. Run it every day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what is kept."""
        parser.add_argument(
            "--days",
            type=whole_number(least=0, most=36_500),
            help="Keep events of so many days (default: the setting LOG_KEEP_DAYS).",
        )
        parser.add_argument(
            "--events",
            type=whole_number(least=0),
            help="Keep so many events of each inbox (default: the setting LOG_KEEP_EVENTS).",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Prune, and say how much went."""
        pruned = prune_events(keep_days=options["days"], keep_events=options["events"])
        self.stdout.write(
            f"Removed {pruned.events} event{pluralize(pruned.events)} "
            f"from {pruned.inboxes} inbox{pluralize(pruned.inboxes, 'es')}."
        )
        return None
