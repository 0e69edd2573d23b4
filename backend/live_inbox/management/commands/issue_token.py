"""manage.py issue_token: makes an access token."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from live_inbox.identity.issuing import issue_token
from live_inbox.identity.scopes import ADMIN_SCOPE, Right, is_known
from live_inbox.management.arguments import find_user, positive_number
from live_inbox.management.inbox_command import InboxCommand


class Command(InboxCommand):
    """Prints a token that speaks for a user."""

    help = "Issue an access token for a user, signed with this server's secret."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare whose token, for how long and for what."""
        parser.add_argument(
            "--user", required=True, metavar="NAME_OR_ID", help="Whom the token speaks for."
        )
        parser.add_argument(
            "--ttl",
            type=positive_number,
            default=3600,
            metavar="SECONDS",
            help="How long it is good (default: %(default)s).",
        )
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            help=f"A scope that it carries; repeatable. With {', '.join(Right)} or {ADMIN_SCOPE}, it "
            "may do that alone. At least one has to be of these; without any scope, it may do all that its user may.",
        )
        parser.add_argument(
            "--quiet", action="store_true", help="Print the token alone, for use in scripts."
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Print the token on standard output."""
        user = find_user(options["user"])
        name = user.get_username()
        if not user.is_active:
            raise CommandError(f"{name} is not active: a token would be refused.")
        if options["scope"] and not any(is_known(scope) for scope in options["scope"]):
            raise CommandError(
                "None of these scopes is one of this inbox: the token would have all rights of its user."
            )
        try:
            token = issue_token(user, ttl_seconds=options["ttl"], scopes=options["scope"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        if not options["quiet"]:
            self.stdout.write(
                f"Token of {name} (user {user.pk}), good for {options['ttl']:g} seconds:"
            )
        self.stdout.write(token)
        return None
