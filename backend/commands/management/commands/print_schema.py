"""manage.py print_schema: writes schema.graphql."""

from __future__ import annotations

from backend.commands.generated_file import GeneratedFileCommand
from backend.config import REPOSITORY
from graphql_schema.schema import sdl


class Command(GeneratedFileCommand):
    """Prints the GraphQL schema."""

    help = "Write schema.graphql from the types of the GraphQL door."
    path = REPOSITORY / "schema.graphql"

    def text(self) -> str:
        """Return the schema in the language of schemas."""
        return sdl()
