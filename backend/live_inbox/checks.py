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
    return list(_problems())


def refuse_invalid_settings() -> None:
    """Raise ImproperlyConfigured if the settings have errors. For ASGI servers, which do not run Django's checks."""
    refuse(check_settings(None))


def refuse(messages: Sequence[CheckMessage]) -> None:
    """Raise ImproperlyConfigured with the errors among these messages, if there are any."""
    errors = [message for message in messages if message.level >= 40]
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint or ''}" for error in errors))


def _problems() -> Iterator[CheckMessage]:
    try:
        check_identity_config()
    except InvalidIdentityConfig as error:
        yield Error(str(error), hint="See the JWT_ settings.", id="live_inbox.E002")
    for name, rate in (
        ("SEND_RATE", inbox_settings().send_rate),
        ("SOCKET_RATE", inbox_settings().socket_rate),
    ):
        try:
            RateLimit.parse(rate)
        except InvalidRateLimit as error:
            yield Error(f"{name}: {error}", id="live_inbox.E004")
    try:
        import_string(inbox_settings().send_policy)
    except ImportError as error:
        yield Error(
            f"SEND_POLICY cannot be imported: {error}.",
            hint="Name a function as package.module.function.",
            id="live_inbox.E005",
        )
