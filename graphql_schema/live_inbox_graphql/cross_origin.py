"""CORS of the GraphQL view: pages of ALLOWED_ORIGINS may send requests with a token, and read the responses.

Never with cookies: there is no `Access-Control-Allow-Credentials`, and the view takes no session from such a page.

Not by django-cors-headers, whose settings hold for all addresses of a project, and are others than ALLOWED_ORIGINS.
Where a project has it for this address, it answers preflights itself, and sets its own values of the same headers.
"""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from live_inbox.conf import inbox_settings
from live_inbox.sockets.handshakes import Page, page_of_request, report_strange_origin
from live_inbox_graphql.errors import ClientError, Code
from live_inbox_graphql.http_answers import HttpError

MAX_AGE_SECONDS = 7200
"""How long browsers remember the answer to a preflight: as long as Chromium does at most."""

HEADERS = (
    "Authorization",
    "Content-Type",
    "Last-Event-ID",
    # Apollo's clients
    "Apollo-Require-Preflight",
    "ApolloGraphQL-Client-Name",
    "ApolloGraphQL-Client-Version",
    "X-Apollo-Operation-Id",
    "X-Apollo-Operation-Name",
)
"""What pages may send beside what browsers always let them."""

_EXPOSED = ("Retry-After", "WWW-Authenticate")


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks if a page of another origin may send a request."""
    asks = "Origin" in request.headers and "Access-Control-Request-Method" in request.headers
    return request.method == "OPTIONS" and asks


def preflight(request: HttpRequest) -> HttpResponse:
    """Answer such a question. Raises HttpError for a page that may not."""
    page = page_of_request(request, inbox_settings().origins)
    if page is Page.STRANGE:
        report_strange_origin(request)
        message = "Pages of this origin may not send requests: see ALLOWED_ORIGINS."
        raise HttpError(HTTPStatus.FORBIDDEN, ClientError(Code.FORBIDDEN, message, {}))
    return HttpResponse(
        status=HTTPStatus.NO_CONTENT,
        headers={
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": ", ".join(HEADERS),
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        },
    )


def cors_headers(page: Page, origin: str) -> dict[str, str]:
    """Return the headers that let a page read the response, if its origin is allowed."""
    if page not in (Page.ALLOWED_SITE, Page.ALLOWED_APP):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ", ".join(_EXPOSED),
    }
