"""Django's error reports and debug pages without secrets. For the settings:

DEFAULT_EXCEPTION_REPORTER = "live_inbox.error_reports.RedactingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "live_inbox.error_reports.RedactingReporterFilter"
"""

from __future__ import annotations

import copy
import re
from collections.abc import ItemsView
from pprint import pformat
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

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
