"""Renders values as HTML: badges and indented JSON."""

from __future__ import annotations

import json
from zlib import crc32

from django.contrib.auth import get_user_model
from django.utils.html import format_html
from django.utils.safestring import SafeString

STYLES = {"all": ["live_inbox/admin/admin.css"]}
"""The style sheets of pages with badges."""

TYPE_COLORS = 8
"""The number of badge colors in the style sheet."""


def type_badge(name: str) -> SafeString:
    """Return a badge for a notification type. Its color depends on the name only; `preview.js` computes the same."""
    color = crc32(name.encode()) % TYPE_COLORS
    return format_html('<span class="inbox-badge inbox-type-{}">{}</span>', color, name)


def state_badge(*, read: bool) -> SafeString:
    """Return a badge for the read state of a notification."""
    return _badge("state", "read" if read else "unread")


def kind_badge(kind: str) -> SafeString:
    """Return a badge for the kind of an event."""
    return _badge("kind", kind)


def priority_badge(priority: str) -> SafeString:
    """Return a badge for a priority."""
    return _badge("priority", priority)


def place_badge(place: str) -> SafeString:
    """Return a badge for where a notification stands: a folder, or `pinned`."""
    return _badge("place", place)


def _badge(family: str, value: str) -> SafeString:
    shown = value.replace("_", " ")
    return format_html('<span class="inbox-badge inbox-{}-{}">{}</span>', family, value, shown)


def counted(count: int, noun: str) -> str:
    """Return how many there are, in words."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def as_json(value: object) -> SafeString:
    """Return a JSON value as indented, escaped text. Its page needs STYLES."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="inbox-json">{}</pre>', text)


def user_search(path: str) -> str:
    """Return the `search_fields` entry for the username of the user at this lookup path."""
    return f"{path}__{get_user_model().USERNAME_FIELD}"
