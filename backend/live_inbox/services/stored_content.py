"""The content of what is sent later, as JSON in its row: of scheduled sends and of campaigns.

Every field of `Content` is in it by its declaration. A row that an older version has written lacks newer fields, and
one of a newer version has others: those have their defaults, and these are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from live_inbox.content import CONTENT_FIELDS, Content


def to_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return validated fields of the content as JSON can carry them."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def fields_in(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that `to_stored` was given. Names that are not fields of the content are left out."""
    return {
        name: _value(declared.json_type, stored[name])
        for name, declared in CONTENT_FIELDS.items()
        if name in stored
    }


def content_in(stored: Mapping[str, Any]) -> Content:
    """Return the content whose fields `to_stored` was given, perhaps expired. It is not validated again."""
    defaults = {
        name: declared.clean(declared.default, None)
        for name, declared in CONTENT_FIELDS.items()
        if name not in stored
    }
    return Content(**defaults, **fields_in(stored))


def _value(json_type: str, value: Any) -> Any:
    is_moment = json_type == "date-time" and value is not None
    return datetime.fromisoformat(value) if is_moment else value
