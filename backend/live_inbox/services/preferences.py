"""What users want of each type of notification."""

from __future__ import annotations

from typing import Any

from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference


def set_preference(*, user_id: Any, type: str, enabled: bool) -> NotificationPreference:
    """Turn a type on or off for a user. Raises InvalidInput for turning off a required type."""
    cleaned = clean_type(type)
    if not enabled and cleaned in inbox_settings().required_types:
        raise InvalidInput("Notifications of this type cannot be turned off.", field="enabled")
    preference, _ = NotificationPreference.objects.update_or_create(
        user_id=user_id, type=cleaned, defaults={"enabled": enabled}
    )
    return preference
