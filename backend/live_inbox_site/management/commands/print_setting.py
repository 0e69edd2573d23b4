"""manage.py print_setting: prints the value of one setting, for other programs on the same machine."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from live_inbox_site.environment import SiteSettings, site_settings


class Command(BaseCommand):
    """Prints a setting as this process has read it, so that no shell has to read the file `.env`."""

    help = (
        'Print one setting, also a secret one: pg_dump "$(manage.py print_setting DATABASE_URL)".'
    )
    requires_system_checks = ()  # a setting can be printed while another one is wrong

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the name of the setting."""
        parser.add_argument("name", metavar="NAME", help="Such as DATABASE_URL.")

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Print it: text as it is, lists separated by commas, anything else as JSON."""
        name = options["name"].lower()
        if name not in SiteSettings.model_fields:
            raise CommandError(
                f"{options['name']} is no setting: see docs/operating/configuration.md."
            )
        value = getattr(site_settings(), name)
        if isinstance(value, list):
            value = ",".join(value)
        self.stdout.write(value if isinstance(value, str) else json.dumps(value, default=str))
        return None
