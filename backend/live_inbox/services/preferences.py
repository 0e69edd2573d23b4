"""What users want of each type of notification."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.declared_types import declared_type, declared_types
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference
from live_inbox.services.known_types import check_known


def check_preference(*, type: str, enabled: bool) -> str:
    """Return the type, normalized.

    Raises InvalidInput for a type that is invalid or not known to the site, and for turning off a required one.
    """
    cleaned = clean_type(type)
    check_known(cleaned)
    if not isinstance(enabled, bool):
        raise InvalidInput("enabled must be true or false.", field="enabled")
    if not enabled and declared_type(cleaned).is_required:
        raise InvalidInput("Notifications of this type cannot be turned off.", field="enabled")
    return cleaned


def set_preference(*, user_id: Any, type: str, enabled: bool) -> NotificationPreference:
    """Turn a type on or off for a user, and return the preference.

    Raises InvalidInput as `check_preference` does, and for more undeclared types than MAX_PREFERENCES.
    """
    cleaned = check_preference(type=type, enabled=enabled)
    return _save(user_id, cleaned, enabled)


@database.transactional
def _save(user_id: Any, type: str, enabled: bool) -> NotificationPreference:
    if type not in declared_types():
        # Calls at once for one user wait for each other: together they could otherwise go beyond the quota.
        users = database.queryset(get_user_model()).select_for_update(no_key=True)
        users.filter(pk=user_id).values_list("pk", flat=True).first()
        check_preference_quota(user_id=user_id, type=type)
    # One statement: two calls at once never both find no row, and then both insert one.
    preference = NotificationPreference(user_id=user_id, type=type, enabled=enabled)
    database.queryset(NotificationPreference).bulk_create(
        [preference],
        update_conflicts=True,
        unique_fields=["user", "type"],
        update_fields=["enabled"],
    )
    return preference


def check_preference_quota(*, user_id: Any, type: str) -> None:
    """Raise InvalidInput if the user has as many other preferences of undeclared types as they may have."""
    declared = declared_types()
    if type in declared:
        return
    others = database.queryset(NotificationPreference).filter(user=user_id).exclude(type=type)
    undeclared = others.exclude(type__in=list(declared))
    most = inbox_settings().max_preferences
    if undeclared.count() >= most:
        raise InvalidInput(f"You may turn {most} types on or off at most.", field="type")
