"""What the databases and JSON can hold. PostgreSQL and SQLite are narrower than Python in these two points."""

from __future__ import annotations

MAX_INTEGER = 2**63 - 1
"""The largest integer, and so the largest primary key, of both databases. They raise errors for larger ones."""


def is_storable_text(text: str) -> bool:
    """Whether the databases and UTF-8 can hold a text: neither NUL characters nor halves of surrogate pairs."""
    if text.isascii():
        return "\x00" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def is_storable_integer(number: int) -> bool:
    """Whether an integer fits into the 64 bits of a database column."""
    return -MAX_INTEGER - 1 <= number <= MAX_INTEGER
