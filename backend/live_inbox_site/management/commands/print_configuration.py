"""manage.py print_configuration: writes docs/operating/configuration.md."""

from __future__ import annotations

from live_inbox_site.configuration_page import configuration_page
from live_inbox_site.environment import SITE_DIRECTORY
from live_inbox_site.generated_file import GeneratedFileCommand


class Command(GeneratedFileCommand):
    """Prints the page of settings."""

    help = "Write docs/operating/configuration.md from the settings that live_inbox_site/environment.py declares."
    path = SITE_DIRECTORY / "docs" / "operating" / "configuration.md"

    def text(self) -> str:
        """Return the page."""
        return configuration_page()
