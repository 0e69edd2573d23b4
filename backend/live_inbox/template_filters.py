"""The filters of the templates of types, beside Django's own."""

from __future__ import annotations

from datetime import date, datetime

from django.template import Library

register = Library()


@register.filter
def moment(value: date | str) -> date:
    """Return a moment or a date for its text in ISO 8601, as JSON has it: `{{ due|moment|date:"DATE_FORMAT" }}`.

    Raises ValueError for another text.
    """
    if isinstance(value, date):
        return value
    if len(value) == len("2026-01-31"):
        return date.fromisoformat(value)
    return datetime.fromisoformat(value)
