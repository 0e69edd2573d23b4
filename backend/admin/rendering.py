"""How values are shown."""

from __future__ import annotations

import json

from django.contrib.auth import get_user_model
from django.utils.html import format_html
from django.utils.safestring import SafeString


def as_json(value: object) -> SafeString:
    """Return a JSON value, indented."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre style="margin: 0; white-space: pre-wrap">{}</pre>', text)


def user_search(path: str) -> str:
    """Return the search field that finds the user at the end of a path by name."""
    return f"{path}__{get_user_model().USERNAME_FIELD}"
