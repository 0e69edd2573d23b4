"""The form of the types of notification. `declared_types` has those that a project declares."""

from __future__ import annotations

import re

TYPE_LENGTH = 64
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


def is_type(text: str) -> bool:
    """Whether a text has the form of a type: letters, digits, `-`, `_` and `.`, beginning with a letter or digit."""
    return len(text) <= TYPE_LENGTH and _SLUG.fullmatch(text) is not None
