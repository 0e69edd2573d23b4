"""Error reports without secrets: of Django, with its debug pages, and of Sentry. For the settings:

DEFAULT_EXCEPTION_REPORTER = "live_inbox.error_reports.RedactingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "live_inbox.error_reports.RedactingReporterFilter"

sentry_sdk.init(..., before_send=live_inbox.error_reports.before_send)
"""

from __future__ import annotations

import copy
import re
from collections.abc import ItemsView, Iterator
from pprint import pformat
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from live_inbox import log_context
from live_inbox.redaction import REDACTED, redacted


class _Shown:
    """A value whose representation is a text without secrets."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class RedactingReporterFilter(SafeExceptionReporterFilter):
    """Hides secrets of settings, of the request and of variables, with DEBUG as well."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|TICKET|KEY|SECRET|PASS|SIGNATURE|COOKIE|CREDENTIAL|SESSION", re.IGNORECASE
    )

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """Return the value; without secrets if it is a text."""
        cleansed = super().cleanse_setting(key, value)
        return redacted(cleansed) if isinstance(cleansed, str) else cleansed

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        """Return the variables of a frame: those with a telling name hidden, the others without secrets."""
        return {
            name: self.cleansed_substitute if self._is_hidden(name) else _cleansed(value)
            for name, value in super().get_traceback_frame_variables(request, tb_frame)
        }.items()

    def _is_hidden(self, name: str) -> bool:
        return self.hidden_settings.search(name) is not None


def _cleansed(value: Any) -> Any:
    try:
        text = pformat(value)
    except Exception as error:
        return _Shown(f"Error in formatting: {type(error).__name__}")
    shown = redacted(text)
    return value if shown == text else _Shown(shown)


class RedactingReporter(ExceptionReporter):
    """Reports the request without the secrets of its address."""

    def get_traceback_data(self) -> dict[str, Any]:
        """Return what the templates show."""
        data: dict[str, Any] = super().get_traceback_data()
        if self.request is not None:
            shown = copy.copy(self.request)
            fields = self.request.GET.copy()
            for name in fields:
                if RedactingReporterFilter.hidden_settings.search(name):
                    fields.setlist(name, [REDACTED])
            shown.__dict__["GET"] = fields
            data["request"] = shown
            data["request_GET_items"] = fields.items()
            for name in ("request_insecure_uri", "exception_value"):
                if isinstance(data.get(name), str):
                    data[name] = redacted(data[name])
        return data

    def get_traceback_html(self) -> SafeString:
        """Return the page."""
        return SafeString(redacted(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        """Return the report for an e-mail."""
        return SafeString(redacted(super().get_traceback_text()))


_OURS = ("live_inbox.", "live_inbox_graphql.", "live_inbox_site.")
_HIDDEN = re.compile("AUTHORIZATION|COOKIE|TOKEN|TICKET|SECRET|PASSW|SIGNATURE", re.IGNORECASE)
_LONGEST_TEXT = 16_384
_WRITTEN = ("data", "cookies", "env")
"""Of a request: what its client has written, and what says who that is."""


def before_send(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """Return an event of Sentry's without secrets, and without what users have written. For `sentry_sdk.init`.

    All texts lose their secrets (`live_inbox.redaction`). Where our code took part, by a frame or as the sender of a
    signal, frames have no variables, which hold titles, texts and tokens, and the request no body. What an exception's
    message says is left: raise none that repeats what somebody has written. An operation of GraphQL becomes the tag
    `operation`, the API of a socket the tag `api`.
    """
    _add_tags(event)
    traces = list(_stack_traces(event))
    if any(_is_ours(frame) for trace in traces for frame in trace):
        for trace in traces:
            for frame in trace:
                frame.pop("vars", None)
        if isinstance(request := event.get("request"), dict):
            for name in _WRITTEN:
                request.pop(name, None)
    shown: dict[str, Any] = _without_secrets(event)
    return shown


def _add_tags(event: dict[str, Any]) -> None:
    context = log_context.current()
    fields = {} if context is None else context.fields()
    tags = {name: fields[name] for name in ("operation", "api") if name in fields}
    if tags and isinstance(event.setdefault("tags", {}), dict):
        event["tags"] |= tags


def _stack_traces(event: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    for name in ("exception", "threads"):
        found = event.get(name) or {}
        for each in found.get("values") or () if isinstance(found, dict) else found:
            yield (each.get("stacktrace") or {}).get("frames") or []


def _is_ours(frame: dict[str, Any]) -> bool:
    """Whether a frame is of our code, or sends a signal of ours: a receiver's stack begins in Django."""
    sender = str((frame.get("vars") or {}).get("sender", ""))
    return f"{frame.get('module')}.".startswith(_OURS) or "'live_inbox." in sender


def _without_secrets(value: Any) -> Any:
    match value:
        case str():
            return redacted(value[:_LONGEST_TEXT])
        case dict():
            return {name: _without_secret(name, each) for name, each in value.items()}
        case list() | tuple():
            return [_without_secrets(each) for each in value]
    return value


def _without_secret(name: Any, value: Any) -> Any:
    is_hidden = isinstance(value, str) and _HIDDEN.search(str(name))
    return REDACTED if is_hidden else _without_secrets(value)
