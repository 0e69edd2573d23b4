"""manage.py print_client_types: writes frontend/client/schema.ts."""

from __future__ import annotations

from live_inbox_site.client_types import client_types
from live_inbox_site.environment import SITE_DIRECTORY
from live_inbox_site.generated_file import GeneratedFileCommand


class Command(GeneratedFileCommand):
    """Prints the client module's types of events."""

    help = "Write frontend/client/schema.ts from the GraphQL schema."
    path = SITE_DIRECTORY / "frontend" / "client" / "schema.ts"

    def text(self) -> str:
        """Return the module."""
        return client_types()
