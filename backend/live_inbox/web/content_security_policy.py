"""The Content Security Policy (CSP) and related headers of the pages: browsers load from this site only."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase

PERMISSIONS_POLICY = (
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
)
"""What no page of the product uses, and no script in one may."""

NOTHING_ALLOWED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of answers that are no pages, should a browser show one as a page."""


_TRUSTED_TYPES = (
    # Of frontend/graphiql/trusted_types.ts. The first sanitizes all strings that no other policy has approved.
    "default",
    "live-inbox-workers",
    # Of Monaco and its sanitizer.
    "defaultWorkerFactory",
    "diffEditorWidget",
    "diffReview",
    "domLineBreaksComputer",
    "dompurify",
    "editorGhostText",
    "editorViewLayer",
    "standaloneColorizer",
    "stickyScrollViewLayer",
    "tokenizeToString",
)
"""Names of the policies that may make HTML and addresses of scripts from strings in GraphiQL."""


def protect_inbox(request: HttpRequest, response: HttpResponseBase) -> None:
    """Set the policy of the inbox page: no inline scripts or styles, no HTML from strings (trusted types)."""
    directives = _directives(request) | {
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self' data:",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    _set(response, directives)


def protect_graphiql(request: HttpRequest, response: HttpResponseBase) -> None:
    """Set the policy of GraphiQL. Its editor, Monaco, needs inline styles."""
    directives = _directives(request) | {
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "img-src": "'self' data:",
        "worker-src": "'self'",
        "require-trusted-types-for": "'script'",
        "trusted-types": " ".join(_TRUSTED_TYPES),
    }
    _set(response, directives)


def _directives(request: HttpRequest) -> dict[str, str]:
    # For older browsers, 'self' does not include the site's own WebSockets.
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
    response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
    response.headers["Cache-Control"] = "no-store"
