"""How values are shown."""

from __future__ import annotations

import json
from zlib import crc32

from django.contrib.auth import get_user_model
from django.utils.html import format_html
from django.utils.safestring import SafeString

STYLES = {"all": ["live_inbox/admin/admin.css"]}
"""What pages that show badges include."""

TYPE_COLOURS = 8
"""How many the style sheet has."""


def type_badge(name: str) -> SafeString:
    """Return the type of a notification; a type has the same colour everywhere and always.

    `preview.js` computes the same.
    """
    colour = crc32(name.encode()) % TYPE_COLOURS
    return format_html('<span class="inbox-badge inbox-type-{}">{}</span>', colour, name)


def state_badge(*, read: bool) -> SafeString:
    """Return whether a notification has been read."""
    return _badge("state", "read" if read else "unread")


def kind_badge(kind: str) -> SafeString:
    """Return what an event did."""
    return _badge("kind", kind)


def _badge(family: str, value: str) -> SafeString:
    shown = value.replace("_", " ")
    return format_html('<span class="inbox-badge inbox-{}-{}">{}</span>', family, value, shown)


def as_json(value: object) -> SafeString:
    """Return a JSON value, indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre style="margin: 0; white-space: pre-wrap">{}</pre>', text)


def user_search(path: str) -> str:
    """Return the search field that finds the user at the end of a path by name."""
    return f"{path}__{get_user_model().USERNAME_FIELD}"
