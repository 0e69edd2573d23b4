"""The base class of the commands."""

from __future__ import annotations

from typing import Any

from django.core.checks import Tags
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from live_inbox.database_errors import kind_of
from live_inbox.errors import NotificationError
from live_inbox.identity.errors import InvalidIdentityConfig


class InboxCommand(BaseCommand):
    """A command whose expected failures print one line on standard error and exit with 1."""

    # Only the checks of settings: the others import every page of the site first.
    requires_system_checks = (Tags.security,)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; turn errors of the domain, the database and the settings into CommandError."""
        try:
            return super().execute(*args, **options)
        except NotificationError as error:
            raise CommandError(error.message) from error
        except (InvalidIdentityConfig, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        except Error as error:
            reason = str(error).strip().partition("\n")[0]
            hint = (
                "The same command may succeed later."
                if kind_of(error).is_temporary
                else "Has `manage.py migrate` been run?"
            )
            raise CommandError(f"The database refuses: {reason}. {hint}") from error
