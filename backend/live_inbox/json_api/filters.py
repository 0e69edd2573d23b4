"""The keys of a client's message that are a filter of notifications. None of them is in the guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from live_inbox.errors import InvalidInput
from live_inbox.events import Folder
from live_inbox.json_api.numbers import positive_number
from live_inbox.selectors import MAX_TYPES, ListFilter


def filter_of(fields: Mapping[str, Any]) -> ListFilter:
    """Return the filter; raise InvalidInput for the first key that is wrong."""
    text = fields.get("text")
    if text is not None and not isinstance(text, str):
        raise InvalidInput("text must be a string.", field="text")
    filter = ListFilter.of(
        types=_names("types", fields),
        categories=_names("categories", fields),
        priorities=_names("priorities", fields),
        read=choice("read", fields),
        seen=choice("seen", fields),
        folder=_folder(fields.get("folder")),
        group_of=_notification_id(fields),
        pinned=bool(choice("pinned_only", fields)),
        text=text,
    )
    filter.check()
    return filter


def _names(field: str, fields: Mapping[str, Any]) -> list[str] | None:
    value = fields.get(field)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput(f"{field} must be a list of strings.", field=field)
    if len(value) > MAX_TYPES:
        raise InvalidInput(f"A filter names {MAX_TYPES} {field} at most.", field=field)
    return value


def _notification_id(fields: Mapping[str, Any]) -> int | None:
    if fields.get("group_of") is None:
        return None
    return positive_number("group_of", fields)


def choice(field: str, fields: Mapping[str, Any]) -> bool | None:
    """Return what a key says, true or false, None if it is left out; raise InvalidInput for anything else."""
    value = fields.get(field)
    if value is not None and not isinstance(value, bool):
        raise InvalidInput(f"{field} must be true or false.", field=field)
    return value


def _folder(value: object) -> Folder:
    if value is None:
        return Folder.INBOX
    if value not in list(Folder):
        names = ", ".join(Folder)
        raise InvalidInput(f"folder must be one of {names}.", field="folder")
    return Folder(str(value))
