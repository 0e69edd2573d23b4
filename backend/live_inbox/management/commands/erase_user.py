"""manage.py erase_user: erases what the inbox holds about a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import ProtectedError, RestrictedError

from live_inbox.management.arguments import add_subject, find_subject
from live_inbox.management.inbox_command import InboxCommand
from live_inbox.personal_data.erasure import count_held, erase_user
from live_inbox.personal_data.holdings import HOLDINGS

_OWN_EVENTS = "The erasure shows devices that notifications go, by events of its own, and counts these as erased, too."


class Command(InboxCommand):
    """Erases in transactions of a bounded size: the erasure of the GDPR, article 17."""

    help = (
        "Erase what the inbox holds about a user: their inbox with its log, their choices, and where they are named in "
        "the inboxes of others. The account stays, unless --delete-account is given. Can run beside the server, and "
        "again after an interruption. There is no way back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the user, and how far the erasure goes."""
        add_subject(parser)
        parser.add_argument(
            "--delete-sent",
            action="store_true",
            help="Delete what the user has sent to others, too. Without it, it stays with them without a sender.",
        )
        parser.add_argument(
            "--delete-account",
            action="store_true",
            help="Delete the user at the end, with all that the tables of the project have of them.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Count what is there, and change nothing."
        )
        parser.add_argument(
            "--no-input", action="store_false", dest="interactive", help="Do not ask."
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Ask, erase, and print the numbers. Fails if something is left that a repetition can erase."""
        subject, name = find_subject(options["user"], is_deleted=options["deleted"])
        if options["dry_run"]:
            held = count_held(subject).left
            self._print("Held", held)
            if "notification" in held:
                self.stdout.write(_OWN_EVENTS)
            return None
        if options["interactive"]:
            self._confirm(name, options)
        try:
            done = erase_user(
                subject,
                delete_sent=options["delete_sent"],
                delete_account=options["delete_account"],
            )
        except (ProtectedError, RestrictedError) as error:
            raise CommandError(
                f"The inbox is erased, but the account cannot be deleted: {error.args[0]}"
            ) from error
        self._print("Erased", done.erased)
        if done.account_deleted:
            self.stdout.write("Deleted the account.")
        self._report_left(done.left)
        return None

    def _confirm(self, name: str, options: Mapping[str, Any]) -> None:
        sent = "Delete" if options["delete_sent"] else "Anonymize"
        self.stdout.write(f"Erase what the inbox holds about {name}. There is no way back.")
        self.stdout.write(f"{sent} what they have sent to others.")
        if options["delete_account"]:
            self.stdout.write("Delete the account, with all that other tables have of it.")
        try:
            answer = input("Type 'yes' to go on: ")
        except EOFError:
            raise CommandError("Nobody to ask. Use --no-input.") from None
        if answer != "yes":
            raise CommandError("Nothing was erased.")

    def _print(self, done: str, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self.stdout.write(f"{done} {name}: {count}")
        if not counts:
            self.stdout.write(f"{done} nothing.")

    def _report_left(self, left: Mapping[str, int]) -> None:
        stays = {holding.name: holding.ends_with for holding in HOLDINGS if holding.ends_with}
        for name in left.keys() & stays.keys():
            self.stdout.write(f"Left {name}: {left[name]} ({stays[name]})")
        others = [f"{name}: {count}" for name, count in left.items() if name not in stays]
        if others:
            raise CommandError(
                f"Something is left, because it was locked or has just been added: {', '.join(others)}. "
                "Run the command again; if it stays, run check_inboxes."
            )
