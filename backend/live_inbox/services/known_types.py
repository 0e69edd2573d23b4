"""The types of notification that a site knows, the declared ones or any with UNDECLARED_TYPES, and its channels."""

from __future__ import annotations

from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.declared_types import declared_types
from live_inbox.errors import InvalidInput
from live_inbox.plain_values import plain_scalar


def check_known(type: str) -> None:
    """Raise InvalidInput for a type that the site does not know."""
    if not inbox_settings().undeclared_types and type not in declared_types():
        raise InvalidInput("This site has no such type of notification.", field="type")


def known_type(type: object) -> str:
    """Return a type as plain text; raise InvalidInput for one that is invalid or that the site does not know."""
    cleaned = clean_type(type)
    check_known(cleaned)
    return cleaned


def known_channel(channel: object) -> str:
    """Return a channel as plain text; raise InvalidInput for one that the site does not have."""
    plain = plain_scalar(channel)
    if not isinstance(plain, str) or plain not in inbox_settings().all_channels:
        raise InvalidInput("This site has no such channel.", field="channel")
    return plain
