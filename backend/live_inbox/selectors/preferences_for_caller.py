"""What a caller wants of each type, for APIs: the declared texts in the caller's language."""

from __future__ import annotations

from live_inbox.identity.callers import Caller
from live_inbox.selectors.preferences import (
    ChannelName,
    PreferenceState,
    channels,
    notification_types,
    preference,
    preferences,
)
from live_inbox.user_locale import locale_of


def types_for_caller(caller: Caller) -> list[PreferenceState]:
    """Return the declared types, with what the caller wants of each."""
    with locale_of(caller.user).active():
        return notification_types(user_id=caller.user_id)


def preferences_for_caller(caller: Caller) -> list[PreferenceState]:
    """Return the declared types and those that the caller has turned on or off."""
    with locale_of(caller.user).active():
        return preferences(user_id=caller.user_id)


def preference_for_caller(caller: Caller, *, type: str) -> PreferenceState:
    """Return what the caller wants of one type."""
    with locale_of(caller.user).active():
        return preference(user_id=caller.user_id, type=type)


def channels_for_caller(caller: Caller) -> list[ChannelName]:
    """Return the channels of the site."""
    with locale_of(caller.user).active():
        return channels()
