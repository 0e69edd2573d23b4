"""What a handshake says about the page that opens a socket: whether its host is ours, and what its origin may do.

Browsers do not apply CORS to WebSocket handshakes, and add to them what they know of the user: cookies above all. So a
page of another origin could act as its visitor (cross-site WebSocket hijacking, RFC 6455, section 10.2). And a page
whose host name is made to point at this server would have our origin (DNS rebinding), but for that name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from live_inbox import metrics
from live_inbox.faults import RecurringFault
from live_inbox.origins import AllowedOrigins, own_origin, parse_origin

Headers = Sequence[tuple[bytes, bytes]]

_SCHEMES = {"ws": "http", "wss": "https"}

_PLAIN_HEADERS = frozenset({b"host", b"origin", b"user-agent"})
"""What is left of the handshake of a page that needs a token: nothing that browsers or proxies add for the user."""

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


def page_of(scope: Mapping[str, Any], allowed: AllowedOrigins) -> Page:
    """Return where a handshake comes from."""
    handshake = _Handshake(scope)
    text = handshake.META.get("HTTP_ORIGIN")
    if text is None:
        return Page.NONE
    if handshake.META.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        return Page.OWN
    if is_own_origin(handshake, text, knows_scheme=handshake.knows_scheme):
        return Page.OWN
    if text not in allowed:
        return Page.STRANGE
    origin = parse_origin(text)
    return Page.ALLOWED_SITE if origin and origin.is_web_site else Page.ALLOWED_APP


def is_own_origin(request: HttpRequest, text: str, *, knows_scheme: bool = True) -> bool:
    """Return whether an Origin header is that of this server's pages, whose address is that of the request.

    `knows_scheme`: whether the scheme of the request is known. If not, any is right.
    """
    page = parse_origin(text)
    if page is None:
        return False
    scheme = (request.scheme or "") if knows_scheme else page.scheme
    try:
        return own_origin(scheme, request.get_host()) == page
    except DisallowedHost:
        return False


def is_admitted_page(scope: Mapping[str, Any], allowed: AllowedOrigins) -> bool:
    """Return whether a page may open a socket of an API that takes sessions. If not, that is logged."""
    if page_of(scope, allowed) is not Page.STRANGE:
        return True
    handshake = _Handshake(scope)
    _origins.report(
        StrangeOrigin(
            f"a page of {handshake.META['HTTP_ORIGIN'][:200]!r} wants a socket of {handshake.address[:200]!r}: see "
            "ALLOWED_ORIGINS or, if a proxy ends TLS for this server, BEHIND_PROXY and SECURE_PROXY_SSL_HEADER"
        )
    )
    return False


def has_allowed_host(scope: Mapping[str, Any]) -> bool:
    """Return whether Django would serve a request with the host of this handshake (ALLOWED_HOSTS). If not, log that."""
    handshake = _Handshake(scope)
    if "HTTP_HOST" not in handshake.META and not scope.get("server"):
        # No server has received it: a test has made it up.
        return True
    try:
        handshake.get_host()
    except DisallowedHost as error:
        _hosts.report(error)
        return False
    return True


def credential_headers(scope: Mapping[str, Any], allowed: AllowedOrigins) -> Headers:
    """Return the headers of a handshake that may say who is calling: those of a page that needs a token do not."""
    headers: Headers = scope["headers"]
    if page_of(scope, allowed).may_use_session:
        return headers
    return [header for header in headers if header[0] in _PLAIN_HEADERS]


class _Handshake(HttpRequest):
    """A handshake as Django sees a request: for its rules about hosts, schemes and proxies, and their settings."""

    # Without HttpRequest's own constructor, which makes what no rule reads.
    def __init__(self, scope: Mapping[str, Any]) -> None:
        server = scope.get("server") or ("unknown", "0")
        self.META = {"SERVER_NAME": str(server[0]), "SERVER_PORT": str(server[1])}
        for name, value in scope["headers"]:
            key = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
            text = value.decode("latin-1")
            self.META[key] = f"{self.META[key]},{text}" if key in self.META else text
        scheme = scope.get("scheme")
        self._own_scheme = _SCHEMES.get(scheme or "ws", scheme)
        header, _ = settings.SECURE_PROXY_SSL_HEADER or ("", "")
        self.knows_scheme = scheme is not None or header in self.META
        """Whether the server (not daphne) or a proxy says what it is."""

    def _get_scheme(self) -> str | None:
        return self._own_scheme

    @property
    def address(self) -> str:
        """The address of this server, as the handshake has it."""
        return f"{self.scheme}://{self.META.get('HTTP_HOST', '')}"
