"""The messages about types of notification: what there is, and what the user wants of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from live_inbox.json_api.failures import ErrorBody
from live_inbox.notification_channels import IN_APP
from live_inbox.selectors import ChannelName, PreferenceState

# -- client → server -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GetTypes:
    """Client → server: `get_types` requests the declared types and the channels. Not in the guide."""


@dataclass(frozen=True, slots=True)
class GetPreferences:
    """Client → server: `get_preferences` requests what the user wants of each type. Not in the guide."""


@dataclass(frozen=True, slots=True)
class SetPreference:
    """Client → server: `set_preference` turns a type on or off on a channel. Not in the guide."""

    notification_type: str
    enabled: bool
    channel: str = IN_APP


# -- server → client -------------------------------------------------------------------------------


class ChannelObject(TypedDict):
    """A channel by which notifications reach users."""

    channel: str
    label: str


class ChannelPreference(ChannelObject):
    """What the user wants of a type by one channel. What is required cannot be turned off."""

    enabled: bool
    required: bool


class TypeObject(TypedDict):
    """A type and what the user wants of it: in the inbox, and by each channel, of which the inbox is the first."""

    type: str
    enabled: bool
    required: bool
    label: str
    description: str
    category: str | None
    icon: str | None
    channels: list[ChannelPreference]


class NotificationTypes(TypedDict):
    """Server → client: the answer to `get_types`."""

    type: Literal["notification_types"]
    types: list[TypeObject]
    channels: list[ChannelObject]


class NotificationPreferences(TypedDict):
    """Server → client: the answer to `get_preferences`."""

    type: Literal["notification_preferences"]
    preferences: list[TypeObject]


class PreferenceSet(TypedDict):
    """Server → client: the answer to `set_preference`, with the preference as it is now."""

    type: Literal["preference_set"]
    success: bool
    preference: NotRequired[TypeObject]
    error: NotRequired[ErrorBody]


def notification_types(
    types: Iterable[PreferenceState], channels: Iterable[ChannelName]
) -> NotificationTypes:
    """Return the reply to `get_types`."""
    return {
        "type": "notification_types",
        "types": [_type_object(state) for state in types],
        "channels": [{"channel": each.channel, "label": each.label} for each in channels],
    }


def notification_preferences(preferences: Iterable[PreferenceState]) -> NotificationPreferences:
    """Return the reply to `get_preferences`."""
    return {
        "type": "notification_preferences",
        "preferences": [_type_object(state) for state in preferences],
    }


def preference_set(state: PreferenceState) -> PreferenceSet:
    """Return the reply to `set_preference`."""
    return {"type": "preference_set", "success": True, "preference": _type_object(state)}


def _type_object(state: PreferenceState) -> TypeObject:
    return {
        "type": state.type,
        "enabled": state.enabled,
        "required": state.required,
        "label": state.label,
        "description": state.description,
        "category": state.category or None,
        "icon": state.icon or None,
        "channels": [
            {
                "channel": each.channel,
                "label": each.label,
                "enabled": each.enabled,
                "required": each.required,
            }
            for each in state.channels
        ],
    }
