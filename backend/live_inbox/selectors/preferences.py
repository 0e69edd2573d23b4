"""What a user wants of each type of notification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from live_inbox import database
from live_inbox.declared_types import declared_type, declared_types
from live_inbox.models import NotificationPreference


@dataclass(frozen=True, slots=True)
class PreferenceState:
    """What a user wants of a type. Required types cannot be turned off.

    `label` is the type itself unless it is declared with one. Declared texts are in Django's active language.
    `category` is a slug; it and `icon` are empty where nothing is declared.
    """

    type: str
    enabled: bool
    required: bool
    label: str
    description: str
    category: str = ""
    icon: str = ""


@database.reading
def preferences(*, user_id: Any) -> list[PreferenceState]:
    """Return the declared types and those that the user has turned on or off, sorted by type."""
    rows = database.queryset(NotificationPreference).filter(user=user_id)
    enabled = _by_default() | dict(rows.values_list("type", "enabled"))
    return [preference_state(type, enabled=enabled[type]) for type in sorted(enabled)]


@database.reading
def notification_types(*, user_id: Any) -> list[PreferenceState]:
    """Return the declared types in the order of their declaration, with what the user wants of each."""
    by_default = _by_default()
    rows = database.queryset(NotificationPreference).filter(user=user_id, type__in=list(by_default))
    enabled = by_default | dict(rows.values_list("type", "enabled")) if by_default else {}
    return [preference_state(type, enabled=enabled[type]) for type in by_default]


def _by_default() -> dict[str, bool]:
    """Return whether each declared type is on for those who have chosen nothing."""
    return {type: declared.is_on for type, declared in declared_types().items()}


def preference_state(type: str, *, enabled: bool) -> PreferenceState:
    """Return the state of a preference, with what is declared about the type."""
    declared = declared_type(type)
    return PreferenceState(
        type,
        enabled or declared.is_required,
        declared.is_required,
        label=str(declared.label) or type,
        description=str(declared.description),
        category=declared.category,
        icon=declared.icon,
    )
