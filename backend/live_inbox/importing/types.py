"""Types of imported notifications, made of what other systems call a type, a level or a verb."""

from __future__ import annotations

from django.utils.text import slugify

from live_inbox.content import CONTENT_FIELDS
from live_inbox.notification_types import TYPE_LENGTH, is_type


def to_type(text: object) -> str:
    """Return a text as a type: unchanged if it is one, else its slug; the default type if nothing is left of it."""
    given = str(text or "")
    if is_type(given):
        return given
    slug = slugify(given)[:TYPE_LENGTH].strip("-_")
    return slug or str(CONTENT_FIELDS["type"].default)
