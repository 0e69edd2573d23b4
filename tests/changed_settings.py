"""Other settings of the inbox for the length of a block or a test."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import override_settings


def changed_settings(**changes: Any) -> override_settings:
    """Change some settings of `LIVE_INBOX`: `with changed_settings(MAX_PAGE_SIZE=5): ...`."""
    return override_settings(LIVE_INBOX=settings.LIVE_INBOX | changes)
