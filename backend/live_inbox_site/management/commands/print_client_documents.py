"""manage.py print_client_documents: writes frontend/client/documents.ts."""

from __future__ import annotations

from live_inbox_site.client_documents import client_documents
from live_inbox_site.environment import SITE_DIRECTORY
from live_inbox_site.generated_file import GeneratedFileCommand


class Command(GeneratedFileCommand):
    """Prints the client module's typed documents."""

    help = "Write frontend/client/documents.ts from the GraphQL schema."
    path = SITE_DIRECTORY / "frontend" / "client" / "documents.ts"

    def text(self) -> str:
        """Return the module."""
        return client_documents()
