"""Characters of a text that are not shown themselves, but change how what is around them is shown.

Unicode's overrides of direction make a text read as something else: `photo_` U+202E `gpj.exe` shows as `photo_exe.jpg`.
The marks, embeddings and isolates of Arabic and Hebrew texts do not; translation libraries put isolates around names.
"""

from __future__ import annotations

import re

_OVERRIDES = re.compile("[\\u202d\\u202e]")
_CONTROLS = re.compile("[\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f]")
_BREAKS = re.compile("[\\t-\\r\\x1c-\\x1f\\x85\\u2028\\u2029]")
_NOT_IN_ADDRESSES = re.compile(
    "[\\x00- \\x7f-\\xa0\\u061c\\u1680\\u2000-\\u200a\\u200e\\u200f\\u2028-\\u202f\\u205f\\u2066-\\u2069\\u3000\\\\]"
)


def has_override(text: str) -> bool:
    """Whether a text overrides the direction of what follows."""
    return not text.isascii() and _OVERRIDES.search(text) is not None


def has_control(text: str) -> bool:
    """Whether a text has a control character other than tabs and line breaks."""
    return not text.isprintable() and _CONTROLS.search(text) is not None


def one_line(text: str) -> str:
    """Return a text with its line breaks and tabs as single blanks, and none where it begins and ends with them."""
    if text.isprintable():
        return text
    parts = _BREAKS.split(text)
    if len(parts) == 1:
        return text
    return " ".join(stripped for part in parts if (stripped := part.strip()))


def fits_into_address(text: str) -> bool:
    """Whether an address has no blanks, controls, backslashes, nor what changes the direction (RFC 3987, 4.1)."""
    return _NOT_IN_ADDRESSES.search(text) is None


def without_controls(text: str) -> str:
    """Return a text in one line, without control characters and overrides: for names, which are shown beside others."""
    if text.isprintable():
        return text
    return _OVERRIDES.sub("", _CONTROLS.sub("", one_line(text)))
