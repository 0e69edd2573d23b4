"""The moments of imported notifications."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from live_inbox.errors import InvalidInput


def clean_moment(value: object, *, field: str) -> datetime:
    """Return a moment in UTC, of a datetime, a date, or an ISO 8601 text of one.

    Without a time zone, it is in Django's current time zone, as in a form. Raises InvalidInput.
    """
    try:
        moment = _parsed(value)
        if moment.utcoffset() is None:
            moment = timezone.make_aware(moment)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{field} must be a date, or a date and time.", field=field) from None


def _parsed(value: object) -> datetime:
    if isinstance(value, str):
        text = value.strip()
        value = parse_datetime(text) or parse_date(text)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)  # the caller adds the zone
    raise ValueError
