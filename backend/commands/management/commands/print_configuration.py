"""manage.py print_configuration: writes docs/configuration.md."""

from __future__ import annotations

from backend.commands.configuration_page import configuration_page
from backend.commands.generated_file import GeneratedFileCommand
from backend.config import REPOSITORY


class Command(GeneratedFileCommand):
    """Prints the page of settings."""

    help = "Write docs/configuration.md from the settings that backend/config.py declares."
    path = REPOSITORY / "docs" / "configuration.md"

    def text(self) -> str:
        """Return the page."""
        return configuration_page()
