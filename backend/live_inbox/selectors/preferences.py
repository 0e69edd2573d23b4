"""What a user wants of each type of notification, by each channel; and which users want a type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.declared_types import declared_type, declared_types
from live_inbox.models import NotificationPreference
from live_inbox.notification_channels import IN_APP

USERS_PER_QUERY = 1000
"""Users whose preferences are read at a time. SQLite, for one, takes a limited number of parameters."""

Choices = Mapping[tuple[str, str], bool]
"""What a user has turned on or off, by type and channel."""


@dataclass(frozen=True, slots=True)
class ChannelName:
    """A channel of the site. `label` is the channel itself unless it is declared with one."""

    channel: str
    label: str


@dataclass(frozen=True, slots=True)
class ChannelState(ChannelName):
    """What a user wants of a type by one channel. On required channels, it cannot be turned off."""

    enabled: bool
    required: bool


@dataclass(frozen=True, slots=True)
class PreferenceState:
    """What a user wants of a type, by each channel of the site: the inbox is the first.

    `label` is the type itself unless it is declared with one. Declared texts are in Django's active language.
    `category` is a slug; it and `icon` are empty where nothing is declared.
    """

    type: str
    channels: tuple[ChannelState, ...]
    label: str
    description: str
    category: str = ""
    icon: str = ""

    @property
    def enabled(self) -> bool:
        """Whether the user wants the type in the inbox."""
        return self.channels[0].enabled

    @property
    def required(self) -> bool:
        """Whether the user cannot turn it off in the inbox."""
        return self.channels[0].required


def channels() -> list[ChannelName]:
    """Return the channels of the site: the inbox, then the others in the order of their declaration."""
    declared = inbox_settings().all_channels
    return [ChannelName(slug, str(channel.label) or slug) for slug, channel in declared.items()]


@database.reading
def preferences(*, user_id: Any) -> list[PreferenceState]:
    """Return the declared types and those that the user has turned on or off, sorted by type."""
    choices = _choices(user=user_id)
    types = {type for type, _ in choices} | set(declared_types())
    return [_state(type, choices) for type in sorted(types)]


@database.reading
def preference(*, user_id: Any, type: str) -> PreferenceState:
    """Return what the user wants of one type."""
    return _state(type, _choices(user=user_id, type=type))


@database.reading
def notification_types(*, user_id: Any) -> list[PreferenceState]:
    """Return the declared types in the order of their declaration, with what the user wants of each."""
    declared = list(declared_types())
    choices = _choices(user=user_id, type__in=declared) if declared else {}
    return [_state(type, choices) for type in declared]


@database.reading
def users_who_want(*, user_ids: Sequence[Any], type: str, channel: str = IN_APP) -> set[Any]:
    """Return those of these users who want a type by a channel, by their primary keys.

    One query for each thousand; none for what is required.
    """
    declared = declared_type(type)
    if declared.is_required_by(channel):
        return set(user_ids)
    is_on = declared.is_on_by(channel)
    rows = database.queryset(NotificationPreference)
    chosen = rows.filter(type=type, channel=channel, enabled=not is_on)
    others: set[Any] = set()
    for start in range(0, len(user_ids), USERS_PER_QUERY):
        some = chosen.filter(user__in=user_ids[start : start + USERS_PER_QUERY])
        others.update(some.values_list("user", flat=True))
    return set(user_ids) - others if is_on else others


def _choices(**conditions: Any) -> Choices:
    """Return what has been chosen on the channels of the site. There may be rows of channels that it had."""
    rows = database.queryset(NotificationPreference).filter(**conditions)
    found = rows.filter(channel__in=list(inbox_settings().all_channels))
    return {(type, name): on for type, name, on in found.values_list("type", "channel", "enabled")}


def _state(type: str, choices: Choices) -> PreferenceState:
    """Return what a user wants of a type, with what is declared about it."""
    declared = declared_type(type)
    return PreferenceState(
        type,
        tuple(_channel_states(type, choices)),
        label=str(declared.label) or type,
        description=str(declared.description),
        category=declared.category,
        icon=declared.icon,
    )


def _channel_states(type: str, choices: Choices) -> Iterator[ChannelState]:
    declared = declared_type(type)
    for name in channels():
        required = declared.is_required_by(name.channel)
        chosen = choices.get((type, name.channel), declared.is_on_by(name.channel))
        yield ChannelState(name.channel, name.label, chosen or required, required)
