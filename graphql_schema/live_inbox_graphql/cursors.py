"""Cursors: opaque positions in the list of notifications."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from live_inbox.errors import InvalidInput

_CONTENT = re.compile(rb"notification:([1-9][0-9]{0,18})")
_LARGEST_NUMBER = 2**63 - 1


def encode(number: int) -> str:
    """Return the cursor of the notification with this rank."""
    return urlsafe_b64encode(b"notification:%d" % number).decode().rstrip("=")


def decode(text: str, *, field: str) -> int:
    """Return the number that `encode` was given; raise InvalidInput for anything else.

    The notification need not exist any more: its place in the list remains.
    """
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        content = b""
    match = _CONTENT.fullmatch(content)
    number = int(match[1]) if match else 0
    if not 0 < number <= _LARGEST_NUMBER or encode(number) != text:
        raise InvalidInput("This is not a cursor of the list of notifications.", field=field)
    return number
