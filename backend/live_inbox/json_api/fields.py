"""The keys of a client's message that are texts, moments, objects or lists. A wrong value raises InvalidInput."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from live_inbox.errors import InvalidInput

MAX_USER_ID_LENGTH = 255


def string(field: str, value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise InvalidInput(f"{field} must be a string.", field=field)
    return value


def string_or_none(field: str, fields: Mapping[str, Any]) -> str | None:
    """Return the string that a message has under a key; None if it is left out."""
    value = fields.get(field)
    return None if value is None else string(field, value)


def object_or_none(field: str, value: object) -> dict[str, Any] | None:
    """Return a JSON object, or None."""
    if value is not None and not isinstance(value, dict):
        raise InvalidInput(f"{field} must be a JSON object.", field=field)
    return value


def list_or_none(field: str, value: object) -> list[Any] | None:
    """Return a list, or None."""
    if value is not None and not isinstance(value, list):
        raise InvalidInput(f"{field} must be a list.", field=field)
    return value


def moment_or_none(field: str, value: object) -> datetime | None:
    """Return a moment with its offset, or None."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput(f"{field} must be ISO 8601 with an offset or Z.", field=field)
    return moment


def user_id(value: object, *, field: str = "user_id") -> str:
    """Return the primary key of a user as text: clients write a number or a string."""
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_USER_ID_LENGTH:
        raise InvalidInput(f"{field} must be a number or a string.", field=field)
    return value
