"""The types of notification that a site knows: those of the setting TYPES, or any with UNDECLARED_TYPES."""

from __future__ import annotations

from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput


def check_known(type: str) -> None:
    """Raise InvalidInput for a type that the site does not know."""
    settings = inbox_settings()
    if not settings.undeclared_types and type not in settings.types:
        raise InvalidInput("This site has no such type of notification.", field="type")
