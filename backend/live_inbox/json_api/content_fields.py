"""The keys of a client's message that are the content of a notification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, cast

from live_inbox.content import CONTENT_FIELDS, EDITABLE_BY_CLIENTS, GivenFields, clean_seconds
from live_inbox.errors import InvalidInput
from live_inbox.json_api.failures import WIRE_NAMES
from live_inbox.json_api.fields import list_or_none, moment_or_none, object_or_none, string
from live_inbox.json_api.numbers import positive_number


def content_of(fields: Mapping[str, Any]) -> GivenFields:
    """Return the content of what is sent, each field with the right JSON type; the service checks everything else.

    Raises InvalidInput for the first key that is wrong.
    """
    content: Any = {name: _content(name, fields) for name in CONTENT_FIELDS}
    if fields.get("context") is not None:
        content["context"] = object_or_none("context", fields["context"])
    _read_seconds(fields, content)
    if fields.get("deliver_at") is not None:
        content["deliver_at"] = moment_or_none("deliver_at", fields["deliver_at"])
    return cast("GivenFields", content)


def edited_content_of(fields: Mapping[str, Any]) -> GivenFields:
    """Return the content of an edit: what the message has, with the right JSON types. Null is a value here.

    Raises InvalidInput for the first key that is wrong.
    """
    content: Any = {
        name: _content(name, fields)
        for name in EDITABLE_BY_CLIENTS
        if WIRE_NAMES.get(name, name) in fields
    }
    if fields.get("context") is not None:
        content["context"] = object_or_none("context", fields["context"])
    _read_seconds(fields, content)
    return cast("GivenFields", content)


def _read_seconds(fields: Mapping[str, Any], content: dict[str, Any]) -> None:
    """Let `expires_in_seconds` stand for `expires_at`."""
    if fields.get("expires_in_seconds") is None:
        return
    if content.get("expires_at") is not None:
        raise InvalidInput(
            "expires_in_seconds cannot be given together with expires_at.",
            field="expires_in_seconds",
        )
    seconds = positive_number("expires_in_seconds", fields)
    content["expires_at"] = clean_seconds(seconds, field="expires_in_seconds")


def _content(name: str, fields: Mapping[str, Any]) -> Any:
    declared = CONTENT_FIELDS[name]
    key = WIRE_NAMES.get(name, name)
    value = fields.get(key)
    match declared.json_type:
        case "string":
            return None if value is None else string(key, value)
        case "object":
            return object_or_none(key, value)
        case "array":
            return list_or_none(key, value)
        case "date-time":
            return moment_or_none(key, value)
        case _:
            assert_never(declared.json_type)
