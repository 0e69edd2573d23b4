"""manage.py prune_events: does what is due, and deletes old events and records, as server processes do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from live_inbox.conf import inbox_settings
from live_inbox.maintenance.action_webhook import WebhookConfig, WebhookDeliverer
from live_inbox.maintenance.bulk_send_pruning import prune_bulk_sends
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.expiry import WrongCounts, expire_due
from live_inbox.maintenance.pruning import prune_events
from live_inbox.maintenance.snoozes import return_due
from live_inbox.maintenance.suppressed_pruning import prune_suppressed
from live_inbox.maintenance.webhook_pruning import prune_failed_deliveries
from live_inbox.management.arguments import whole_number
from live_inbox.management.inbox_command import InboxCommand


class Command(InboxCommand):
    """Expires, returns and delivers what is due, and removes events and records of bulk sends that are too old."""

    help = (
        "Delete the notifications that have expired, return those whose snooze has ended, deliver "
        "the sends that were scheduled, deliver chosen actions to the webhook, and remove old events from the logs of "
        "all inboxes, and records of old bulk sends. A device that was away for longer reloads. Server "
        "processes do all of it; with HOUSEKEEPING=false, run this regularly."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how much is kept."""
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
        """Do all of it, and print the numbers."""
        wrong = self._expire()
        returned, delivered = return_due(), deliver_due()
        for count, done in (
            (returned, "Returned {} snoozed notification"),
            (delivered, "Delivered {} scheduled notification"),
            (self._deliver_to_webhook(), "Delivered {} action"),
        ):
            if count:
                self.stdout.write(f"{done.format(count)}{pluralize(count)}.")
        prune_failed_deliveries()
        prune_suppressed()
        pruned = prune_events(keep_days=options["days"], keep_events=options["events"])
        self.stdout.write(
            f"Removed {pruned.events} event{pluralize(pruned.events)} "
            f"from {pruned.inboxes} inbox{pluralize(pruned.inboxes, 'es')}."
        )
        bulk_sends = prune_bulk_sends()
        self.stdout.write(f"Removed the records of {bulk_sends} bulk send{pluralize(bulk_sends)}.")
        if wrong is not None:
            raise CommandError(f"{wrong}.")
        return None

    def _deliver_to_webhook(self) -> int:
        webhook = WebhookConfig.of(inbox_settings())
        return 0 if webhook is None else WebhookDeliverer(webhook).deliver_due()

    def _expire(self) -> WrongCounts | None:
        try:
            expired = expire_due()
        except WrongCounts as error:
            # The other inboxes are done, and the logs can still be pruned.
            return error
        self.stdout.write(
            f"Deleted {expired.notifications} expired notification"
            f"{pluralize(expired.notifications)} "
            f"from {expired.inboxes} inbox{pluralize(expired.inboxes, 'es')}."
        )
        return None
