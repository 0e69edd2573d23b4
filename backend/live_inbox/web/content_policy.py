"""What the pages allow browsers to load and run: nothing that is not of this site."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase


def protect_inbox(request: HttpRequest, response: HttpResponseBase) -> None:
    """Forbid everything that the inbox does not need: no inline script or style, no HTML from strings."""
    directives = _directives(request) | {
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self' data:",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    _set(response, directives)


def protect_graphiql(request: HttpRequest, response: HttpResponseBase) -> None:
    """Forbid everything that GraphiQL does not need. Its editor, Monaco, writes its styles into the page."""
    directives = _directives(request) | {
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "img-src": "'self' data:",
        "worker-src": "'self'",
    }
    _set(response, directives)


def _directives(request: HttpRequest) -> dict[str, str]:
    # Older browsers do not count the site's own sockets among 'self'.
    host = request.get_host()
    return {
        "default-src": "'none'",
        "script-src": "'self'",
        "connect-src": f"'self' ws://{host} wss://{host}",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def _set(response: HttpResponseBase, directives: dict[str, str]) -> None:
    policy = "; ".join(f"{name} {value}" for name, value in directives.items())
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    response.headers["Cache-Control"] = "no-store"
