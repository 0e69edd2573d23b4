"""The channels by which notifications reach people: the inbox, and those that a project declares in CHANNELS.

This app delivers to the inbox. By other channels, such as e-mail, the project delivers itself, to those who want it.
"""

from __future__ import annotations

from typing import Annotated, Any

from django.utils.functional import Promise
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from live_inbox.notification_types import is_type

IN_APP = "in_app"
"""The channel of this app: inboxes."""


def _text(value: object) -> object:
    """Raise ValueError for what is no text."""
    if not isinstance(value, str | Promise):
        raise ValueError("it is a string, or a lazy translation")
    return value


Text = Annotated[Any, AfterValidator(_text)]
"""A text for users: a string, or a lazy translation."""


class Channel(BaseModel):
    """What is declared about a channel. Its slug is the key in CHANNELS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Text = Field("", description="Name that users see; may be lazily translated.")


def check_slugs(channels: dict[str, Channel]) -> dict[str, Channel]:
    """Return the channels; raise ValueError for a slug that has not the form of a type."""
    for slug in channels:
        if not is_type(slug):
            raise ValueError(f"{slug!r} is not a channel, such as email")
    return channels
