"""Settings that the site refuses to start with in production, each with the sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register

from live_inbox.checks import refuse
from live_inbox_site.environment import SiteSettings, site_settings

SECRET_KEY_LENGTH = 50
_LOCAL = ("localhost", ".localhost", "127.", "::1")


@register(Tags.security)
def check_site_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is unsafe in the settings of this process, in production."""
    settings = site_settings()
    if settings.is_production:
        return list(_unsafe(settings))
    return list(_contradictions(settings)) if settings.is_development_by_file else []


def refuse_unsafe_settings() -> None:
    """Raise ImproperlyConfigured if there are errors: for servers that do not run Django's checks."""
    refuse(check_site_settings(None))


def _contradictions(settings: SiteSettings) -> Iterator[CheckMessage]:
    """Yield an error if a server has the file `.env` of a developer's machine."""
    strangers = [host for host in settings.allowed_hosts if not host.strip("[]").startswith(_LOCAL)]
    if strangers or settings.behind_proxy:
        name = "ALLOWED_HOSTS" if strangers else "BEHIND_PROXY"
        yield Error(
            f"The file .env says ENVIRONMENT=development, and {name} says that this is a server for others.",
            hint="Remove the file .env, or set the environment variable ENVIRONMENT as well.",
            id="live_inbox_site.E031",
        )


def _unsafe(settings: SiteSettings) -> Iterator[CheckMessage]:
    if len(settings.secret_key) < SECRET_KEY_LENGTH:
        yield Error(
            f"SECRET_KEY must have at least {SECRET_KEY_LENGTH} characters in production.",
            hint="Set it to a random string, the same for every process of the site; or set "
            "ENVIRONMENT=development on a machine of your own.",
            id="live_inbox_site.E001",
        )
    if not (settings.jwt_secret or settings.jwt_public_key or settings.jwt_jwks_url):
        yield Error(
            "JWT_SECRET is empty.",
            hint="Set it to a random string of 32 characters or more, or set JWT_PUBLIC_KEY or JWT_JWKS_URL.",
            id="live_inbox_site.E002",
        )
    if settings.jwt_secret and settings.jwt_secret in (
        settings.secret_key,
        *settings.secret_key_fallbacks,
    ):
        yield Error(
            "JWT_SECRET is SECRET_KEY, which signs other things, too.",
            hint="Set JWT_SECRET to a random string of its own.",
            id="live_inbox_site.E030",
        )
    if not settings.allowed_hosts:
        yield Error(
            "ALLOWED_HOSTS is empty.",
            hint="Set it to the host names of the site, separated by commas.",
            id="live_inbox_site.E003",
        )
    if "*" in settings.allowed_hosts:
        yield Warning(
            "ALLOWED_HOSTS lets any host name pass.",
            hint="Name the hosts of the site, unless a proxy in front checks them.",
            id="live_inbox_site.W001",
        )
    if settings.database_url.startswith("sqlite"):
        yield Warning(
            "The database is SQLite.",
            hint="Set DATABASE_URL to a PostgreSQL database if more than one machine serves the site.",
            id="live_inbox_site.W002",
        )
    names_of_this_machine = {"*", "localhost", "127.0.0.1", "[::1]"}
    if not settings.metrics_token and not names_of_this_machine.isdisjoint(settings.allowed_hosts):
        yield Warning(
            "METRICS_TOKEN is empty, and ALLOWED_HOSTS has a name of this machine: a proxy on it that adds no header "
            "and sends that name as the host makes /metrics public.",
            hint="Set METRICS_TOKEN.",
            id="live_inbox_site.W004",
        )
    if not settings.redis_url:
        yield Warning(
            "There is no Redis to carry doorbells between processes.",
            hint=f"Set REDIS_URL, or accept that other processes learn of a change within "
            f"RECONCILE_SECONDS ({settings.reconcile_seconds:g} s).",
            id="live_inbox_site.W003",
        )
