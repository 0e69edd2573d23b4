"""Adds the security headers to every answer of the site, whatever gives it: Django, static files, the limit of bodies.

An ASGI application and no middleware of Django, for static files and some refusals never reach Django. A header that
an answer has already is left as it is: the inbox page and GraphiQL have policies of their own
(`live_inbox.web.content_security_policy`). What the server refuses before it calls the application has the headers
of `live_inbox.sockets.refusals`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from django.conf import settings

from live_inbox.sockets.asgi import Application, Message, Receive, Scope, Send
from live_inbox.web.content_security_policy import NOTHING_ALLOWED, PERMISSIONS_POLICY

Header = tuple[bytes, bytes]

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The Content Security Policy of pages without one of their own: those of the admin, forms and errors.

No trusted types: jQuery and Select2, which the admin brings, make HTML from strings.
"""

DEBUG_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""That of Django's pages for errors with DEBUG, whose scripts and styles are inline."""


class SecurityHeaders:
    """Adds the headers that an answer lacks, and HSTS where the request came over TLS."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._headers: tuple[Header, ...] = (
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", settings.X_FRAME_OPTIONS.encode()),
            (b"referrer-policy", settings.SECURE_REFERRER_POLICY.encode()),
            (b"cross-origin-opener-policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY.encode()),
            (b"permissions-policy", PERMISSIONS_POLICY.encode()),
        )
        self._secure_headers = (*self._headers, *_hsts())
        self._is_behind_proxy = bool(settings.SECURE_PROXY_SSL_HEADER)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        if scope["type"] != "http":
            return self._application(scope, receive, send)
        headers = self._secure_headers if self._is_secure(scope) else self._headers

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                given += _missing(given, headers, message["status"])
                message = {**message, "headers": given}
            await send(message)

        return self._application(scope, receive, send_with_headers)

    def _is_secure(self, scope: Scope) -> bool:
        """Whether the client has used TLS, by the same rule as Django's `is_secure`."""
        if self._is_behind_proxy:
            forwarded: bytes | None = dict(scope["headers"]).get(b"x-forwarded-proto")
            if forwarded is not None:
                return forwarded.split(b",")[0].strip() == b"https"
        return bool(scope.get("scheme") == "https")


def _missing(given: list[Header], headers: tuple[Header, ...], status: int) -> Iterator[Header]:
    values = {name.lower(): value for name, value in given}
    for header in headers:
        if header[0] not in values:
            yield header
    if b"content-security-policy" not in values:
        policy = _policy(values.get(b"content-type", b""), status)
        yield b"content-security-policy", policy.encode()


def _policy(content_type: bytes, status: int) -> str:
    if not content_type.startswith(b"text/html"):
        return NOTHING_ALLOWED
    return DEBUG_POLICY if settings.DEBUG and status >= 400 else PAGE_POLICY


def _hsts() -> Iterator[Header]:
    if not settings.SECURE_HSTS_SECONDS:
        return
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        value += "; includeSubDomains"
    if settings.SECURE_HSTS_PRELOAD:
        value += "; preload"
    yield b"strict-transport-security", value.encode()
