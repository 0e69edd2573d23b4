"""Which requests may be served past Django's middleware, and the headers that it would have added to their answers.

Requests of the inbox's GraphQL with a token (`live_inbox_graphql.token_requests`): the middleware that Django brings
does nothing for them but add headers, and nobody knows what other middleware does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import Resolver404, resolve

from live_inbox.conf import inbox_settings
from live_inbox.identity.config import DEFAULT_AUTHENTICATOR, authenticator_path
from live_inbox.socket_paths import path_in_project
from live_inbox.sockets.asgi import Scope
from live_inbox.sockets.handshakes import has_allowed_host, is_secure
from live_inbox.urls import is_graphql_view

WITHOUT_EFFECT = frozenset(
    {
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "live_inbox.health_middleware.HealthMiddleware",
        "live_inbox.web.session_middleware.RevocableAuthenticationMiddleware",
        "servestatic.middleware.ServeStaticMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
    }
)
"""Middleware that does nothing for requests with a token but what is done for them here. Not LocaleMiddleware: labels
of types are in the language that it chooses."""

Headers = Sequence[tuple[bytes, bytes]]


def may_bypass(scope: Scope) -> bool:
    """Whether a request is one of the inbox's own GraphQL view, and needs nothing of the middleware in front of it.

    Not with an authenticator or a schema of the project, which may look at Django's request.
    """
    return (
        _is_graphql(path_in_project(scope), settings.ROOT_URLCONF)
        and _is_possible()
        and has_allowed_host(scope)
        and (is_secure(scope) or not settings.SECURE_SSL_REDIRECT)
    )


@lru_cache(maxsize=1)
def _is_possible() -> bool:
    """Whether the settings let any request bypass the middleware."""
    chosen = inbox_settings().bypass_middleware
    if chosen is None:
        # CommonMiddleware refuses or redirects for these.
        acts = settings.DISALLOWED_USER_AGENTS or settings.PREPEND_WWW
        chosen = not acts and WITHOUT_EFFECT.issuperset(settings.MIDDLEWARE)
    is_ours = authenticator_path() == DEFAULT_AUTHENTICATOR and not inbox_settings().graphql_schema
    return chosen and is_ours


@lru_cache(maxsize=64)
def _is_graphql(path: str, urlconf: str) -> bool:
    """Whether the project's URL configuration has the inbox's own view at a path."""
    try:
        return is_graphql_view(resolve(path).func)
    except Resolver404:
        return False


def headers_of_middleware(scope: Scope) -> Headers:
    """Return the headers that Django's middleware adds to the answer of a request."""
    return _added(is_secure(scope))


_ADDING: dict[str, Callable[..., Any]] = {
    "django.middleware.security.SecurityMiddleware": SecurityMiddleware,
    "django.middleware.clickjacking.XFrameOptionsMiddleware": XFrameOptionsMiddleware,
}


@lru_cache(maxsize=2)
def _added(secure: bool) -> Headers:
    middleware = tuple(name for name in _ADDING if name in settings.MIDDLEWARE)
    request, response = _Request(secure), HttpResponse()
    before = {name.lower() for name in response.headers}
    for name in middleware:
        _ADDING[name](_unused).process_response(request, response)
    return tuple(
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in response.headers.items()
        if name.lower() not in before
    )


class _Request(HttpRequest):
    """A request of which nothing is known but whether it came over TLS."""

    def __init__(self, secure: bool) -> None:
        super().__init__()
        self._secure = secure

    def _get_scheme(self) -> str:
        return "https" if self._secure else "http"


def _unused(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


@receiver(setting_changed)
def _forget(**changed: Any) -> None:
    """Read settings again that a test has changed."""
    for memoized in (_added, _is_graphql, _is_possible):
        memoized.cache_clear()
