"""Rows of text files: columns by name, as CSV and JSON lines have them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from live_inbox.content import CONTENT_FIELDS
from live_inbox.errors import InvalidInput
from live_inbox.importing.rows import Problem, SourceRow

_OTHERS = ("recipient", "sender", "created_at", "read_at", "read", "key")
COLUMNS = (*CONTENT_FIELDS, *_OTHERS)
"""The columns that a row of a file may have."""

_READ: Mapping[object, bool] = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", 1, True), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "", 0, False, None), False),
}


def to_source_row(place: str, values: Mapping[str, Any]) -> SourceRow | Problem:
    """Return the row that has these columns. Without a column `key`, its key is a digest of all columns."""
    try:
        return _source_row(place, values)
    except InvalidInput as error:
        return Problem(place, error.field, error.message)


def _source_row(place: str, values: Mapping[str, Any]) -> SourceRow:
    unknown = values.keys() - set(COLUMNS)
    if unknown:
        name = min(unknown)
        raise InvalidInput(f"There is no column {name[:100]!r}.", field=name)
    key = values.get("key")
    return SourceRow(
        place=place,
        key=_digest(values) if key is None or key == "" else key,
        recipient=_user(values, "recipient"),
        sender=_user(values, "sender"),
        created_at=values.get("created_at"),
        read=values.get("read_at") or _read(values.get("read")),
        content={name: values[name] for name in CONTENT_FIELDS if values.get(name) is not None},
    )


def _user(values: Mapping[str, Any], name: str) -> object:
    """Return what names a user: a text or a number."""
    value = values.get(name)
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise InvalidInput(f"{name} must be a text or a number.", field=name)


def _read(value: object) -> bool:
    text = value.strip().lower() if isinstance(value, str) else value
    try:
        return _READ[text]
    except (KeyError, TypeError):
        raise InvalidInput("read must be true or false.", field="read") from None


def _digest(values: Mapping[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value is not None and value != ""}
    try:
        document = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Half a surrogate pair: a byte of a CSV file that is not UTF-8.
        raise InvalidInput("The row is not valid UTF-8.", field="line") from None
    return f"file:{blake2b(document, digest_size=16).hexdigest()}"
