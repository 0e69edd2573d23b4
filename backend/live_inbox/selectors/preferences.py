"""What a user wants of each type of notification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from live_inbox.conf import inbox_settings
from live_inbox.models import NotificationPreference


@dataclass(frozen=True, slots=True)
class PreferenceState:
    """What a user wants of a type; `required` ones cannot be turned off."""

    type: str
    enabled: bool
    required: bool


def preferences(*, user_id: Any) -> list[PreferenceState]:
    """Return the types that the user has turned on or off, and the required ones, sorted by type."""
    required = set(inbox_settings().required_types)
    rows = NotificationPreference.objects.filter(user=user_id).values_list("type", "enabled")
    states = dict(rows) | dict.fromkeys(required, True)
    return [PreferenceState(type, states[type], type in required) for type in sorted(states)]
