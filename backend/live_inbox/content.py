"""What a notification may contain: one place for every door."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput
from live_inbox.models import (
    KEY_LENGTH,
    LINK_LENGTH,
    MESSAGE_LENGTH,
    TITLE_LENGTH,
    TYPE_LENGTH,
)

_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_MAX_DEPTH = 32
_EXACT_BELOW = 2.0**53


@dataclass(frozen=True, slots=True)
class Draft:
    """The content of a notification that has been found acceptable."""

    type: str
    title: str
    message: str
    link: str
    data: dict[str, Any]
    expires_at: datetime | None


def clean_draft(
    *,
    type: object,
    title: object,
    message: object,
    link: object,
    data: object,
    expires_at: object,
    now: datetime,
) -> Draft:
    """Return the content as a draft; raise InvalidInput naming the first field that is not acceptable."""
    return Draft(
        type=clean_type(type),
        title=_clean_title(title),
        message=_clean_text("message", message, MESSAGE_LENGTH),
        link=_clean_link(link),
        data=_clean_data(data),
        expires_at=_clean_expiry(expires_at, now),
    )


def clean_type(value: object, *, field: str = "type") -> str:
    """Return a notification type: a slug such as `general` or `billing.invoice`."""
    text = _clean_text(field, value, TYPE_LENGTH)
    if not _TYPE.fullmatch(text):
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


def _clean_text(field: str, value: object, length: int) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{field} must be a string.", field=field)
    if len(value) > length:
        raise InvalidInput(f"{field} must have {length} characters at most.", field=field)
    _check_storable(field, value)
    return value


def _check_storable(field: str, text: str) -> None:
    """Refuse what PostgreSQL cannot store or JSON cannot carry."""
    if "\x00" in text:
        raise InvalidInput(f"{field} must not contain NUL characters.", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{field} must be valid Unicode.", field=field) from None


def _clean_title(value: object) -> str:
    text = _clean_text("title", value, TITLE_LENGTH)
    if not text.strip():
        raise InvalidInput("title must not be blank.", field="title")
    return text


def _clean_link(value: object) -> str:
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


def _clean_data(value: object) -> dict[str, Any]:
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
