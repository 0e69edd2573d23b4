"""Settings that the server refuses to start with, each with the sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from backend.config import Config, config
from backend.identity.errors import InvalidTokenRules
from backend.identity.rules import check_rules
from backend.limits.rate import InvalidRateLimit, RateLimit

SECRET_KEY_LENGTH = 50


@register(Tags.security)
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings of this process."""
    settings = config()
    messages = list(_impossible())
    return [*messages, *_unsafe(settings)] if settings.is_production else messages


def refuse_unsafe_settings() -> None:
    """Raise ImproperlyConfigured if there are errors: for servers that do not run Django's checks."""
    errors = [message for message in check_settings(None) if message.level >= 40]
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint or ''}" for error in errors))


def _impossible() -> Iterator[CheckMessage]:
    """What cannot work in any environment."""
    try:
        check_rules()
    except InvalidTokenRules as error:
        yield Error(str(error), hint="See the JWT_ settings.", id="inbox.E002")
    for name, rate in (("SEND_RATE", config().send_rate), ("SOCKET_RATE", config().socket_rate)):
        try:
            RateLimit.parse(rate)
        except InvalidRateLimit as error:
            yield Error(f"{name}: {error}", id="inbox.E004")
    try:
        import_string(config().send_policy)
    except ImportError as error:
        yield Error(
            f"SEND_POLICY cannot be imported: {error}.",
            hint="Name a function as package.module.function.",
            id="inbox.E005",
        )


def _unsafe(settings: Config) -> Iterator[CheckMessage]:
    if len(settings.secret_key) < SECRET_KEY_LENGTH:
        yield Error(
            f"SECRET_KEY must have at least {SECRET_KEY_LENGTH} characters in production.",
            hint="Set it to a random string, the same for every process of the site; or set "
            "ENVIRONMENT=development on a machine of your own.",
            id="inbox.E001",
        )
    if not settings.allowed_hosts:
        yield Error(
            "ALLOWED_HOSTS is empty.",
            hint="Set it to the host names of the site, separated by commas.",
            id="inbox.E003",
        )
    if "*" in settings.allowed_hosts:
        yield Warning(
            "ALLOWED_HOSTS lets any host name pass.",
            hint="Name the hosts of the site, unless a proxy in front checks them.",
            id="inbox.W001",
        )
    if settings.database_url.startswith("sqlite"):
        yield Warning(
            "The database is SQLite.",
            hint="Set DATABASE_URL to a PostgreSQL database if more than one machine serves the site.",
            id="inbox.W002",
        )
    if not settings.redis_url:
        yield Warning(
            "There is no Redis to carry doorbells between processes.",
            hint=f"Set REDIS_URL, or accept that other processes learn of a change within "
            f"WATCH_SECONDS ({settings.watch_seconds:g} s).",
            id="inbox.W003",
        )
