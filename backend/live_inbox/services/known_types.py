"""The types of notification that a site knows: the declared ones, or any with UNDECLARED_TYPES."""

from __future__ import annotations

from live_inbox.conf import inbox_settings
from live_inbox.declared_types import declared_types
from live_inbox.errors import InvalidInput


def check_known(type: str) -> None:
    """Raise InvalidInput for a type that the site does not know."""
    if not inbox_settings().undeclared_types and type not in declared_types():
        raise InvalidInput("This site has no such type of notification.", field="type")
