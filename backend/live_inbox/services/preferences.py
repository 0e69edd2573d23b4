"""What users want of each type of notification, by each channel."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.declared_types import declared_type, declared_types
from live_inbox.errors import InvalidInput
from live_inbox.models import NotificationPreference
from live_inbox.notification_channels import IN_APP
from live_inbox.services.known_types import known_channel, known_type


def check_preference(*, type: str, enabled: bool, channel: str = IN_APP) -> tuple[str, str]:
    """Return the type and the channel, normalized.

    Raises InvalidInput for a type or channel that is invalid or not known to the site, and for turning off what is
    required.
    """
    type, channel = known_type(type), known_channel(channel)
    if not isinstance(enabled, bool):
        raise InvalidInput("enabled must be true or false.", field="enabled")
    if not enabled and declared_type(type).is_required_by(channel):
        raise InvalidInput("Notifications of this type cannot be turned off.", field="enabled")
    return type, channel


def set_preference(
    *, user_id: Any, type: str, enabled: bool, channel: str = IN_APP
) -> NotificationPreference:
    """Turn a type on or off for a user on a channel, and return the preference.

    Raises InvalidInput as `check_preference` does, and for more undeclared types than MAX_PREFERENCES.
    """
    type, channel = check_preference(type=type, enabled=enabled, channel=channel)
    return _save(user_id, type, channel, enabled)


@database.transactional
def _save(user_id: Any, type: str, channel: str, enabled: bool) -> NotificationPreference:
    if type not in declared_types():
        # Calls at once for one user wait for each other: together they could otherwise go beyond the quota.
        users = database.queryset(get_user_model()).select_for_update(no_key=True)
        users.filter(pk=user_id).values_list("pk", flat=True).first()
        check_preference_quota(user_id=user_id, type=type)
    # One statement: two calls at once never both find no row, and then both insert one.
    preference = NotificationPreference(
        user_id=user_id, type=type, channel=channel, enabled=enabled
    )
    database.queryset(NotificationPreference).bulk_create(
        [preference],
        update_conflicts=True,
        unique_fields=["user", "type", "channel"],
        update_fields=["enabled"],
    )
    return preference


def check_preference_quota(*, user_id: Any, type: str) -> None:
    """Raise InvalidInput if the user has preferences of as many other undeclared types as they may have.

    A type counts once, whatever the number of its channels.
    """
    declared = declared_types()
    if type in declared:
        return
    others = database.queryset(NotificationPreference).filter(user=user_id).exclude(type=type)
    undeclared = others.exclude(type__in=list(declared)).values("type").distinct()
    most = inbox_settings().max_preferences
    if undeclared.count() >= most:
        raise InvalidInput(f"You may turn {most} types on or off at most.", field="type")
