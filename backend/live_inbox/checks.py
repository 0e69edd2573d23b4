"""Django system checks for the settings in `LIVE_INBOX`. Each message says what to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from live_inbox.conf import inbox_settings
from live_inbox.identity.config import check_identity_config
from live_inbox.identity.errors import InvalidIdentityConfig
from live_inbox.limits.rate import InvalidRateLimit, RateLimit


@register(Tags.security)
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return the errors in `LIVE_INBOX`: live_inbox.E002 (tokens), E004 (rate limits), E005 (send policy)."""
    return list(_errors())


def refuse_invalid_settings() -> None:
    """Raise ImproperlyConfigured if the settings have errors. For ASGI servers, which do not run Django's checks."""
    refuse(check_settings(None))


def refuse(messages: Sequence[CheckMessage]) -> None:
    """Raise ImproperlyConfigured with the errors among these messages, if there are any."""
    errors = [message for message in messages if message.level >= 40]
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint or ''}" for error in errors))


def _errors() -> Iterator[CheckMessage]:
    try:
        check_identity_config()
    except InvalidIdentityConfig as error:
        yield Error(str(error), hint="See the JWT_ settings.", id="live_inbox.E002")
    settings = inbox_settings()
    yield from _rate_errors("SEND_RATE", settings.send_rate)
    yield from _rate_errors("SOCKET_RATE", settings.socket_rate)
    try:
        import_string(settings.send_policy)
    except ImportError as error:
        yield Error(
            f"SEND_POLICY cannot be imported: {error}.",
            hint="Name a function as package.module.function.",
            id="live_inbox.E005",
        )


def _rate_errors(name: str, rate: str) -> Iterator[CheckMessage]:
    try:
        RateLimit.parse(rate)
    except InvalidRateLimit as error:
        yield Error(f"{name}: {error}", id="live_inbox.E004")
