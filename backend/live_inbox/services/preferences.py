"""What users want of each type of notification."""

from __future__ import annotations

from typing import Any

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference


def check_preference(*, type: str, enabled: bool) -> str:
    """Return the type, normalized; raise InvalidInput for an invalid type, or for turning off a required one."""
    cleaned = clean_type(type)
    if not isinstance(enabled, bool):
        raise InvalidInput("enabled must be true or false.", field="enabled")
    if not enabled and cleaned in inbox_settings().required_types:
        raise InvalidInput("Notifications of this type cannot be turned off.", field="enabled")
    return cleaned


def set_preference(*, user_id: Any, type: str, enabled: bool) -> NotificationPreference:
    """Turn a type on or off for a user, and return the preference. Raises InvalidInput as `check_preference` does."""
    cleaned = check_preference(type=type, enabled=enabled)
    return _save(user_id, cleaned, enabled)


@database.transactional
def _save(user_id: Any, type: str, enabled: bool) -> NotificationPreference:
    # One statement: two calls at once never both find no row, and then both insert one.
    preference = NotificationPreference(user_id=user_id, type=type, enabled=enabled)
    database.queryset(NotificationPreference).bulk_create(
        [preference],
        update_conflicts=True,
        unique_fields=["user", "type"],
        update_fields=["enabled"],
    )
    return preference
