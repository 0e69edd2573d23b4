"""A linear replacement for the way in which older Pythons read quoted cookies (CVE-2024-7592).

`http.cookies._unquote` takes time that grows with the square of the length: 64 kB of backslashes take seconds. Django
calls it for every cookie of every request, before anything else. Pythons from 3.11.10, 3.12.6 and 3.13 on are not
affected, and stay as they are. The values are the same.

What it relies on: `_unquote` and `_QuotePatt` of `http.cookies`. Tested with Python 3.11 to 3.14.
"""

from __future__ import annotations

import re
from http import cookies
from typing import Any

_ESCAPED = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))", re.ASCII)


def replace_quadratic_unquoting() -> None:
    """Replace the function in this process, where it is the quadratic one. Calling it again does no harm."""
    module: Any = cookies
    # The pattern of the old loop: a Python that has mended the function has no use for it.
    if hasattr(module, "_unquote") and hasattr(module, "_QuotePatt"):
        module._unquote = unquote


def unquote(value: str | None) -> str | None:
    """Return the value of a cookie without quotes and escapes, as `http.cookies._unquote` of a newer Python does."""
    if value is None or len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPED.sub(_character, value[1:-1])


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 8)) if match[1] else match[2]
