"""manage.py revoke_tokens: ends a user's access, or that of one token."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from live_inbox.conf import inbox_settings
from live_inbox.management.arguments import find_user
from live_inbox.management.inbox_command import InboxCommand
from live_inbox.services.access import revoke_token, sign_out_everywhere


class Command(InboxCommand):
    """Signs a user out everywhere: revokes the tokens and sessions so far. Later ones are accepted."""

    help = (
        "Sign a user out everywhere: revoke all tokens issued, and all sessions begun, before now, and close their "
        "sockets. With --token-id, revoke that token only."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the user and the token."""
        parser.add_argument(
            "--user", required=True, metavar="NAME_OR_ID", help="Whose tokens are revoked."
        )
        parser.add_argument(
            "--token-id", metavar="JTI", help="The claim `jti` of the one token to revoke."
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Revoke, and print when it takes effect."""
        user = find_user(options["user"])
        if options["token_id"] is None:
            moment = sign_out_everywhere(user_id=user.pk)
            what = f"Tokens and sessions of {user.get_username()} from before {moment:%Y-%m-%d %H:%M:%S} UTC are"
        else:
            try:
                revoke_token(user_id=user.pk, token_id=options["token_id"])
            except ValueError as error:
                raise CommandError(str(error)) from error
            what = f"The token of {user.get_username()} is"
        self.stdout.write(
            f"{what} refused; open sockets are closed now, or, without a channel layer, within "
            f"{inbox_settings().session_check_seconds:g} seconds."
        )
        return None
