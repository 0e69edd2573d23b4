"""manage.py print_schema: writes schema.graphql."""

from __future__ import annotations

from live_inbox_graphql.schema import sdl
from live_inbox_site.environment import SITE_DIRECTORY
from live_inbox_site.generated_file import GeneratedFileCommand


class Command(GeneratedFileCommand):
    """Prints the GraphQL schema."""

    help = "Write schema.graphql from the types of the GraphQL API."
    path = SITE_DIRECTORY / "schema.graphql"

    def text(self) -> str:
        """Return the schema definition language."""
        return sdl()
