"""manage.py revoke_tokens: revokes a user's tokens."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from live_inbox.account_signals import announce
from live_inbox.conf import inbox_settings
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.management.arguments import find_user
from live_inbox.management.inbox_command import InboxCommand


class Command(InboxCommand):
    """Revokes the tokens issued so far; later ones are accepted."""

    help = "Revoke all tokens of a user that were issued before now, and close their sockets."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the user."""
        parser.add_argument(
            "--user", required=True, metavar="NAME_OR_ID", help="Whose tokens are revoked."
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Revoke, and print when it takes effect."""
        user = find_user(options["user"])
        moment = revoke_tokens(user_id=user.pk)
        announce(user.pk)
        self.stdout.write(
            f"Tokens of {user.get_username()} from before {moment:%Y-%m-%d %H:%M:%S} UTC are refused; "
            "open sockets are closed now, or, without a channel layer, within "
            f"{inbox_settings().session_check_seconds:g} seconds."
        )
        return None
