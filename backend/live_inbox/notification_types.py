"""The types of notification that a project declares in the setting TYPES. Other types may be sent as well."""

from __future__ import annotations

import re
from typing import Any

from django.utils.functional import Promise
from pydantic import BaseModel, ConfigDict, Field, field_validator

TYPE_LENGTH = 64
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


def is_type(text: str) -> bool:
    """Whether a text has the form of a type: letters, digits, `-`, `_` and `.`, beginning with a letter or digit."""
    return len(text) <= TYPE_LENGTH and _SLUG.fullmatch(text) is not None


class NotificationType(BaseModel):
    """What is declared about a type. Its slug is the key in TYPES."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Any = Field("", description="Name that users see; may be lazily translated.")
    description: Any = Field("", description="What it is about, for the page of preferences.")
    required: bool = Field(False, description="Whether users cannot turn it off.")

    @field_validator("label", "description")
    @classmethod
    def _is_text(cls, value: object) -> object:
        if not isinstance(value, str | Promise):
            raise ValueError("it is a string, or a lazy translation")
        return value
