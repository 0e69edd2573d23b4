"""manage.py test_notifications: sends test notifications."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandParser

from live_inbox import services
from live_inbox.apps import doorbell
from live_inbox.conf import inbox_settings
from live_inbox.management.arguments import find_user, json_object, positive_number, whole_number
from live_inbox.management.inbox_command import InboxCommand
from live_inbox.management.pace import paced

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as in shells: 128 + SIGINT."""


class Command(InboxCommand):
    """Sends one notification, or many at a steady rate."""

    help = "Send test notifications to a user. Open devices of that user show them at once."

    clock = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments of the original guide, and some more."""
        parser.add_argument("--user-id", required=True, help="Recipient: primary key or username.")
        parser.add_argument("--title", default="Test", help="Title (default: %(default)s).")
        parser.add_argument(
            "--message", default="This is a test notification.", help="Text (default: %(default)s)"
        )
        parser.add_argument("--type", default="general", help="Type (default: %(default)s).")
        parser.add_argument("--link", default="", help="A path or an http(s) address.")
        parser.add_argument("--data", type=json_object, help="A JSON object.")
        parser.add_argument("--sender-id", help="Sender: primary key or username (default: none).")
        parser.add_argument(
            "--count", type=whole_number(least=1), default=1, help="How many (default: 1)."
        )
        parser.add_argument(
            "--rate",
            type=positive_number,
            help="How many per second (default: as fast as they are stored).",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Send; the id of each notification is printed when it has been stored."""
        recipient = find_user(options["user_id"])
        sender = None if options["sender_id"] is None else find_user(options["sender_id"])
        content = {name: options[name] for name in ("title", "message", "type", "link", "data")}
        pace = paced(
            options["count"], per_second=options["rate"], clock=self.clock, sleep=self.sleep
        )
        done = 0
        try:
            for _ in pace:
                sent = services.send(
                    recipient_id=recipient.pk, sender_id=sender and sender.pk, **content
                )
                self._report(sent, recipient.get_username())
                done += 1
        except KeyboardInterrupt:
            self.stderr.write(f"Stopped after {done} of {options['count']}.")
            raise SystemExit(INTERRUPTED) from None
        finally:
            self._flush()
        return None

    def _report(self, sent: services.Sent, username: str) -> None:
        if sent.notification is None:
            self.stdout.write(f"Not sent: {username} has turned off notifications of this type.")
        else:
            self.stdout.write(f"Sent notification {sent.notification.pk} to {username}.")

    def _flush(self) -> None:
        """Wait until the doorbells are published, before the process ends."""
        if not doorbell().flush():
            self.stderr.write(
                "The doorbells could not be published in time: open devices see it within "
                f"{inbox_settings().reconcile_seconds:g} seconds."
            )
