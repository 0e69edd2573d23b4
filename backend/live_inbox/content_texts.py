"""Texts and addresses of a notification: what each field of the content that holds one checks.

Every function returns the value as it is stored, and raises InvalidInput, naming the field, for what is not acceptable.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from live_inbox.errors import InvalidInput
from live_inbox.plain_values import check_storable, plain_scalar
from live_inbox.text_controls import fits_into_address, has_control, has_override, one_line


def clean_text(name: str, value: object, length: int) -> str:
    """Return a text of so many characters at most."""
    text = plain_scalar(value)
    if not isinstance(text, str):
        raise InvalidInput(f"{name} must be a string.", field=name)
    if len(text) > length:
        raise InvalidInput(f"{name} must have {length} characters at most.", field=name)
    check_storable(text, field=name)
    return text


def clean_line(name: str, value: object, length: int) -> str:
    """Return one line, not blank. Line breaks and tabs, such as that at the end of a template, become blanks."""
    text = one_line(clean_text(name, value, length))
    if not text.strip():
        raise InvalidInput(f"{name} must not be blank.", field=name)
    if has_control(text):
        raise InvalidInput(f"{name} must not contain control characters.", field=name)
    return without_override(name, text)


def without_override(name: str, text: str) -> str:
    """Return a text that does not override the direction of what follows."""
    if has_override(text):
        raise InvalidInput(
            f"{name} must not override the direction of text (U+202D, U+202E).", field=name
        )
    return text


def clean_address(name: str, value: object, length: int) -> str:
    """Return a path on this site or an http(s) address, or an empty text; never `javascript:` or a disguise of it.

    An object with a method `get_absolute_url`, such as a model's, stands for what that returns.
    """
    address_of = None if isinstance(value, str) else getattr(value, "get_absolute_url", None)
    text = clean_text(name, value if address_of is None else address_of(), length)
    if not text:
        return ""
    # Browsers drop control characters and read a backslash as a slash, and marks of direction are invisible: these
    # could disguise a link.
    if not fits_into_address(text):
        raise InvalidInput(f"{name} must not contain blanks, controls or backslashes.", field=name)
    if text.startswith("/") and not text.startswith("//"):
        return text
    try:
        address = urlsplit(text)
        acceptable = address.scheme.lower() in ("http", "https") and bool(address.hostname)
    except ValueError:
        acceptable = False
    if not acceptable:
        raise InvalidInput(f"{name} must be a path or an http(s) address.", field=name)
    return text
