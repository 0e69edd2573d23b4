"""The content of a notification: its fields, each declared once with its default, its limit and its validation.

Services, both APIs, the admin and the commands take these fields. docs/adding-a-field.md lists what else a new field
needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import (
    Annotated,
    Any,
    Literal,
    Required,
    Self,
    TypedDict,
    Unpack,
    get_args,
    get_type_hints,
)
from urllib.parse import urlsplit

import orjson

from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput
from live_inbox.notification_types import TYPE_LENGTH, is_type
from live_inbox.storable import is_storable_text

TITLE_LENGTH = 200
MESSAGE_LENGTH = 4000
LINK_LENGTH = 2000
KEY_LENGTH = 200

_MAX_DEPTH = 32
_EXACT_BELOW = 2.0**53


class ContentFields(TypedDict, total=False):
    """The fields as keyword arguments of `send`, not yet validated."""

    type: str
    title: Required[str]
    message: str
    link: str
    data: dict[str, Any] | None
    expires_at: datetime | None


def clean_content(*, now: datetime, **given: Unpack[ContentFields]) -> Content:
    """Return the validated content.

    Raises InvalidInput, naming the first field that is not acceptable, and TypeError for a field that does not exist
    or a title that is missing: those are mistakes of the calling code.
    """
    values: dict[str, Any] = {**given}
    unknown = values.keys() - CONTENT_FIELDS.keys()
    if unknown:
        raise TypeError(f"A notification has no field {min(unknown)!r}.")
    if "title" not in values:
        raise TypeError("A notification needs the field 'title'.")
    return Content(
        **{
            name: declared.clean(values.get(name, declared.default), now)
            for name, declared in CONTENT_FIELDS.items()
        }
    )


def clean_type(value: object, *, field: str = "type") -> str:
    """Return a notification type: a slug such as `general` or `billing.invoice`."""
    text = _clean_text(field, value, TYPE_LENGTH)
    if not is_type(text):
        raise InvalidInput(
            "A type consists of letters, digits, '-', '_' and '.', and begins with a letter or digit.",
            field=field,
        )
    return text


def clean_key(value: object) -> str | None:
    """Return an idempotency key; None when there is none."""
    if value is None:
        return None
    text = _clean_text("idempotency_key", value, KEY_LENGTH)
    if not text.strip():
        raise InvalidInput("An idempotency key must not be blank.", field="idempotency_key")
    return text


def _clean_text(name: str, value: object, length: int) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a string.", field=name)
    if len(value) > length:
        raise InvalidInput(f"{name} must have {length} characters at most.", field=name)
    _check_storable(name, value)
    return value


def _check_storable(name: str, text: str) -> None:
    if "\x00" in text:
        raise InvalidInput(f"{name} must not contain NUL characters.", field=name)
    if not is_storable_text(text):
        raise InvalidInput(f"{name} must be valid Unicode.", field=name)


def _clean_type_field(value: object, now: datetime) -> str:
    return clean_type(value)


def _clean_title(value: object, now: datetime) -> str:
    text = _clean_text("title", value, TITLE_LENGTH)
    if not text.strip():
        raise InvalidInput("title must not be blank.", field="title")
    return text


def _clean_message(value: object, now: datetime) -> str:
    return _clean_text("message", value, MESSAGE_LENGTH)


def _clean_link(value: object, now: datetime) -> str:
    """Return a path on this site or an http(s) address; never `javascript:` or a disguise of it."""
    text = _clean_text("link", value, LINK_LENGTH)
    if not text:
        return ""
    # Browsers drop control characters and read a backslash as a slash, so these could disguise a link.
    if any(character <= " " or character in "\\\x7f" for character in text):
        raise InvalidInput("link must not contain blanks, controls or backslashes.", field="link")
    if text.startswith("/") and not text.startswith("//"):
        return text
    try:
        address = urlsplit(text)
        acceptable = address.scheme.lower() in ("http", "https") and bool(address.hostname)
    except ValueError:
        acceptable = False
    if not acceptable:
        raise InvalidInput("link must be a path or an http(s) address.", field="link")
    return text


def _clean_expiry(value: object, now: datetime) -> datetime | None:
    """Return a moment that is yet to come, in UTC; None when there is none."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput("expires_at must be a moment with a time zone.", field="expires_at")
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        # Just inside the calendar where it was written, and beyond its end in UTC.
        raise InvalidInput("expires_at is out of range.", field="expires_at") from None
    if moment <= now:
        raise InvalidInput("expires_at must be later than now.", field="expires_at")
    return moment


def _clean_data(value: object, now: datetime) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput("data must be a JSON object.", field="data")
    _check_json(value, depth=1)
    limit = inbox_settings().max_data_bytes
    try:
        size = len(orjson.dumps(value))
    except TypeError as error:
        raise InvalidInput(f"data cannot be written as JSON: {error}.", field="data") from None
    if size > limit:
        raise InvalidInput(f"data must have {limit} bytes of JSON at most.", field="data")
    return value


def _check_json(value: object, *, depth: int) -> None:
    """Refuse what does not come back from the database, or from JSON, as it went in."""
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"data must be nested {_MAX_DEPTH} levels deep at most.", field="data")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidInput("The keys of data must be strings.", field="data")
            _check_storable("data", key)
            _check_json(item, depth=depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, depth=depth + 1)
    elif isinstance(value, str):
        _check_storable("data", value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput("data must not contain NaN or infinite numbers.", field="data")
        # PostgreSQL gives 1e20 back as an integer, of another value or of more digits than JSON readers take.
        if abs(value) >= _EXACT_BELOW:
            raise InvalidInput(
                "data must not contain floating-point numbers from 2^53.", field="data"
            )
    elif value is not None and not isinstance(value, bool | int):
        raise InvalidInput("data must consist of JSON values only.", field="data")


# -- the declaration -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ContentField:
    """One field of the content."""

    clean: Callable[[object, datetime], Any]
    """Takes a value and the time of the send; returns what is stored, or raises InvalidInput."""
    default: Any = None
    max_length: int | None = None
    """Characters, of a text."""
    json_type: Literal["string", "object", "date-time"] = "string"
    """What clients send for it in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notification consists of, after validation. `clean_content` makes it.

    Fields are validated in the order of their declaration, and the first that is not acceptable is reported.
    """

    type: Annotated[str, ContentField(_clean_type_field, "general", TYPE_LENGTH)]
    """What it is about: a slug such as `general` or `billing.invoice`."""
    title: Annotated[str, ContentField(_clean_title, None, TITLE_LENGTH)]
    """One line, not blank."""
    message: Annotated[str, ContentField(_clean_message, "", MESSAGE_LENGTH)]
    """The text; may be empty."""
    link: Annotated[str, ContentField(_clean_link, "", LINK_LENGTH)]
    """A path on the site or an http(s) address; empty without one."""
    data: Annotated[dict[str, Any], ContentField(_clean_data, json_type="object")]
    """A JSON object for programs, of MAX_DATA_BYTES at most."""
    expires_at: Annotated[datetime | None, ContentField(_clean_expiry, json_type="date-time")]
    """When it is deleted by itself, in UTC; None if never."""

    @classmethod
    def of(cls, row: object) -> Self:
        """Return the content of an object that has these fields as attributes, such as a database row."""
        return cls(**{name: getattr(row, name) for name in CONTENT_FIELDS})

    def values(self) -> dict[str, Any]:
        """Return the fields by their names."""
        return {name: getattr(self, name) for name in CONTENT_FIELDS}


CONTENT_FIELDS: Mapping[str, ContentField] = {
    name: get_args(hint)[1] for name, hint in get_type_hints(Content, include_extras=True).items()
}
"""Every field of the content by its name, in the order of declaration."""
