"""Moments in the messages of the server."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

_WIRE_TIME = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


def wire_time(moment: datetime) -> str:
    """Return a time as the guide writes it: UTC, whole seconds.

    Fractions are cut off, because these clients were written for the guide's format, and some parsers, such as
    Swift's ISO8601DateFormatter, refuse fractions by default. Ids have the order.
    """
    # strftime takes 1.5 µs instead of 0.3, of 4.7 for a whole event.
    return orjson.dumps(moment.astimezone(UTC), option=_WIRE_TIME)[1:-1].decode()
