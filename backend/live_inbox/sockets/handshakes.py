"""What a handshake says about the page that opens a socket: whether its host is ours, and what its origin may do.

Browsers do not apply CORS to WebSocket handshakes, and add to them what they know of the user: cookies above all. So a
page of another origin could act as its visitor (cross-site WebSocket hijacking, RFC 6455, section 10.2). And a page
whose host name is made to point at this server would have our origin (DNS rebinding), but for that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from live_inbox import metrics
from live_inbox.faults import RecurringFault
from live_inbox.identity.authenticators import plain_headers
from live_inbox.origins import AllowedOrigins, own_origin, parse_origin
from live_inbox.sockets.asgi import Scope

Headers = Sequence[tuple[bytes, bytes]]

_SCHEMES = {"ws": "http", "wss": "https"}

_READ = {
    b"host": "HTTP_HOST",
    b"x-forwarded-host": "HTTP_X_FORWARDED_HOST",
    b"x-forwarded-port": "HTTP_X_FORWARDED_PORT",
    b"origin": "HTTP_ORIGIN",
    b"sec-fetch-site": "HTTP_SEC_FETCH_SITE",
}
"""The headers that the rules read, as Django names them."""

_PAGE = "live_inbox.page"
"""Where a scope has the page of its handshake."""

_hosts = RecurringFault("check of hosts", metrics.CONNECTIONS_REFUSED.labels("host"))
_origins = RecurringFault("check of origins", metrics.CONNECTIONS_REFUSED.labels("origin"))


class StrangeOrigin(Exception):
    """Logged, once a minute at most, when a page is refused."""


class Page(Enum):
    """Where a handshake comes from."""

    NONE = auto()
    """No browser: it sends no Origin, and has no cookies but its own."""
    OWN = auto()
    ALLOWED_SITE = auto()
    """A web site of ALLOWED_ORIGINS."""
    ALLOWED_APP = auto()
    """An app of ALLOWED_ORIGINS, or `null`. Who makes an app or a page can have such an origin."""
    STRANGE = auto()

    @property
    def may_use_session(self) -> bool:
        """Whether cookies count, and whatever else browsers and proxies add to a handshake by themselves."""
        return self in (Page.NONE, Page.OWN, Page.ALLOWED_SITE)


def refusal_of(scope: Scope, allowed: AllowedOrigins, *, takes_sessions: bool) -> HTTPStatus | None:
    """Return the status with which a handshake is refused, which is logged; None for one that is not.

    400 for a host that Django would not serve (ALLOWED_HOSTS), 403 for a strange page at an API that takes sessions.
    """
    handshake = _Handshake(scope)
    if not _has_allowed_host(handshake, scope):
        return HTTPStatus.BAD_REQUEST
    page = scope[_PAGE] = page_of_request(handshake, allowed)
    if takes_sessions and page is Page.STRANGE:
        report_strange_origin(handshake)
        return HTTPStatus.FORBIDDEN
    return None


def page_of(scope: Mapping[str, Any], allowed: AllowedOrigins) -> Page:
    """Return where a handshake comes from: as `refusal_of` has found, if it was asked."""
    found: Page | None = scope.get(_PAGE)
    return found or page_of_request(_Handshake(scope), allowed)


def page_of_request(request: HttpRequest, allowed: AllowedOrigins) -> Page:
    """Return where a request over HTTP comes from, or a handshake."""
    text = request.META.get("HTTP_ORIGIN")
    if text is None:
        return Page.NONE
    if request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin" or _is_own(request, text):
        return Page.OWN
    if text not in allowed:
        return Page.STRANGE
    origin = parse_origin(text)
    return Page.ALLOWED_SITE if origin and origin.is_web_site else Page.ALLOWED_APP


def _is_own(request: HttpRequest, text: str) -> bool:
    """Return whether an Origin header is that of this server's pages, whose address is that of the request."""
    page = parse_origin(text)
    if page is None:
        return False
    is_vague = isinstance(request, _Handshake) and not request.knows_scheme
    scheme = page.scheme if is_vague else (request.scheme or "")
    try:
        return own_origin(scheme, request.get_host()) == page
    except DisallowedHost:
        return False


def report_strange_origin(request: HttpRequest) -> None:
    """Log that a page was refused."""
    address = f"{request.scheme}://{request.META.get('HTTP_HOST', '')}"
    _origins.report(
        StrangeOrigin(
            f"a page of {request.META['HTTP_ORIGIN'][:200]!r} has called {address[:200]!r}: see ALLOWED_ORIGINS or, if "
            "a proxy ends TLS for this server, BEHIND_PROXY and SECURE_PROXY_SSL_HEADER"
        )
    )


def _has_allowed_host(handshake: HttpRequest, scope: Mapping[str, Any]) -> bool:
    if "HTTP_HOST" not in handshake.META and not scope.get("server"):
        # No server has received it: a test has made it up.
        return True
    try:
        handshake.get_host()
    except DisallowedHost as error:
        _hosts.report(error)
        return False
    return True


def has_allowed_host(scope: Mapping[str, Any]) -> bool:
    """Return whether Django would serve a request with this host (ALLOWED_HOSTS). Nothing is logged."""
    try:
        if settings.USE_X_FORWARDED_HOST:
            _Handshake(scope).get_host()
        else:
            host = next((value for name, value in scope["headers"] if name == b"host"), b"")
            _check_host(host, tuple(settings.ALLOWED_HOSTS), settings.DEBUG)
    except DisallowedHost:
        return False
    return True


@lru_cache(maxsize=256)
def _check_host(host: bytes, allowed: tuple[str, ...], is_debug: bool) -> None:
    """Raise DisallowedHost for a host that Django would not serve with these settings."""
    request = HttpRequest()
    request.META = {"HTTP_HOST": host.decode("latin-1")}
    request.get_host()


def is_secure(scope: Mapping[str, Any]) -> bool:
    """Return whether the client has used TLS, by the same rules as Django's `is_secure`."""
    if settings.SECURE_PROXY_SSL_HEADER:
        return _Handshake(scope).is_secure()
    return scope.get("scheme") in ("https", "wss")


def credential_headers(scope: Mapping[str, Any], allowed: AllowedOrigins) -> Headers:
    """Return the headers of a handshake that may say who is calling: those of a page that needs a token do not."""
    headers: Headers = scope["headers"]
    if page_of(scope, allowed).may_use_session:
        return headers
    return plain_headers(headers)


class _Handshake(HttpRequest):
    """A handshake as Django sees a request: for its rules about hosts, schemes and proxies, and their settings."""

    # Without HttpRequest's own constructor, and without the headers that no rule reads: there may be many handshakes.
    def __init__(self, scope: Mapping[str, Any]) -> None:
        server = scope.get("server") or ("unknown", "0")
        self.META = {"SERVER_NAME": str(server[0]), "SERVER_PORT": str(server[1])}
        secure, _ = settings.SECURE_PROXY_SSL_HEADER or ("", "")
        read = _READ if not secure else _READ | {_header_of(secure): secure}
        for name, value in scope["headers"]:
            key = read.get(name)
            if key is not None:
                text = value.decode("latin-1")
                self.META[key] = f"{self.META[key]},{text}" if key in self.META else text
        scheme = scope.get("scheme")
        self._own_scheme = _SCHEMES.get(scheme or "ws", scheme)
        self.knows_scheme = scheme is not None or secure in self.META
        """Whether the server (not daphne) or a proxy says what it is."""

    def _get_scheme(self) -> str | None:
        return self._own_scheme


def _header_of(key: str) -> bytes:
    """Return the header that Django names so, as an ASGI scope does."""
    return key.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1")
