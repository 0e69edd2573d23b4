"""The names under which users see each other. They never contain an e-mail address unless the project says so."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from live_inbox import metrics
from live_inbox.conf import inbox_settings
from live_inbox.faults import RecurringFault
from live_inbox.plain_values import display_text
from live_inbox.text_controls import without_controls

SenderName = Callable[[Any], str]
"""Takes a user, and returns the name that other users see: the type of the setting SENDER_NAME."""

_fault = RecurringFault("function of SENDER_NAME", metrics.SENDER_NAME_FAULTS)


def shown_names(user: Any) -> tuple[str, str]:
    """Return a user's username and full name as others see them; empty where there is nothing to show.

    With SENDER_NAME, the name is what that function returns, and the username is empty: it may be private, too. If the
    function fails, the name is empty and the notification is sent all the same.
    """
    path = inbox_settings().sender_name
    if path:
        return "", _chosen_name(path, user)
    # Django does not require a full name of a custom user model.
    full_name = getattr(user, "get_full_name", str)
    return shown_name(user.get_username()), shown_name(full_name())


def _chosen_name(path: str, user: Any) -> str:
    try:
        name = without_controls(display_text(_function(path)(user)))
    except Exception as error:
        _fault.report(error)
        return ""
    return name


@lru_cache(maxsize=4)
def _function(path: str) -> SenderName:
    function: SenderName = import_string(path)
    return function


def shown_name(value: object) -> str:
    """Return a name as others see it: nothing for an e-mail address. A name may begin with an `@`."""
    return _known_name(value) if type(value) is str else _shown_name(value)


@lru_cache(maxsize=1024)
def _known_name(value: str) -> str:
    return _shown_name(value)


def _shown_name(value: object) -> str:
    name = without_controls(display_text(value))
    return "" if "@" in name[1:] else name
