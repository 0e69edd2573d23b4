"""Numbers in the messages of clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from live_inbox.errors import InvalidInput
from live_inbox.storable import MAX_INTEGER


def positive_number_or_none(field: str, fields: Mapping[str, Any]) -> int | None:
    """Return the same, or None where there is nothing or null."""
    return None if fields.get(field) is None else positive_number(field, fields)


def positive_number(field: str, fields: Mapping[str, Any]) -> int:
    """Return a positive whole number, which clients also write as a string of its digits. Raises InvalidInput."""
    value = fields.get(field)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not 1 <= value <= MAX_INTEGER:  # A bool is an int to isinstance.
        raise InvalidInput(f"{field} must be a positive whole number.", field=field)
    return value
