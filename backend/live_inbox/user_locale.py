"""The language and the time zone of a user, where the project says how they are known.

These are the settings RECIPIENT_LANGUAGE and RECIPIENT_TIME_ZONE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from live_inbox.conf import inbox_settings

LanguageOf = Callable[[Any], str | None]
"""Takes a user, and returns the code of their language; None or "" for the active one."""

TimeZoneOf = Callable[[Any], str | tzinfo | None]
"""Takes a user, and returns their time zone; None or "" for the current one."""


@dataclass(frozen=True, slots=True)
class UserLocale:
    """The language and the time zone of a user. None: those that are active."""

    language: str | None = None
    time_zone: tzinfo | None = None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make them the active ones for the length of a block."""
        with ExitStack() as stack:
            if self.language:
                stack.enter_context(translation.override(self.language))
            if self.time_zone is not None:
                stack.enter_context(timezone.override(self.time_zone))
            yield


ACTIVE = UserLocale()
"""The language and the time zone that are active."""


def is_known() -> bool:
    """Whether the project says how the language or the time zone of a user is known."""
    return bool(_language_path() or inbox_settings().recipient_time_zone)


def locale_of(user: Any) -> UserLocale:
    """Return the locale of a user. A time zone that does not exist counts as none."""
    language = _function(path)(user) if (path := _language_path()) else None
    path = inbox_settings().recipient_time_zone
    zone = _function(path)(user) if path else None
    return UserLocale(language or None, _zone(zone) if isinstance(zone, str) else zone)


def _language_path() -> str:
    return inbox_settings().recipient_language if settings.USE_I18N else ""


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # no such name, or one that is no name of a file
        return None


@lru_cache(maxsize=4)
def _function(path: str) -> Callable[[Any], Any]:
    function: Callable[[Any], Any] = import_string(path)
    return function
