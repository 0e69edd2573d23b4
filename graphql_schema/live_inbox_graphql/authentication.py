"""Collects the credentials of requests and sockets, and has them authenticated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware

from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_lane
from live_inbox.identity.authenticators import (
    Credentials,
    caller_of,
    caller_with_ticket,
    required_caller,
)
from live_inbox.identity.callers import Caller
from live_inbox.identity.credentials import (
    ticket_from_query,
    token_from_headers,
    token_from_payload,
    token_from_subprotocols,
)
from live_inbox.identity.sessions import session_key_in
from live_inbox.identity.tickets import PresentedTicket
from live_inbox.lanes import Lane
from live_inbox.request_addresses import client_of_request
from live_inbox.sockets.asgi import client_address
from live_inbox.sockets.handshakes import Page, credential_headers, page_of_request


class CsrfFailed(Exception):
    """Raised when a request may have been forged by another site."""


async def caller_of_stream(request: HttpRequest) -> Caller | None:
    """Return the caller of a request for an event stream: as of any other, or that of a ticket in its address.

    A session counts only where no other site can have sent the request. A page may send a GET with any Accept to
    another site, without an Origin, and the browser adds cookies: it could read nothing, but hold streams of its
    visitor open.
    """
    ticket = None
    if request.method == "GET" and "Authorization" not in request.headers:
        ticket = ticket_from_query(request.META.get("QUERY_STRING", "").encode("latin-1"))
    if ticket is not None:
        address = client_of_request(request)
        return await caller_with_ticket(PresentedTicket(ticket, "graphql", address))
    return await caller_of_request(request, counts_foreign_fetches=False)


async def caller_of_request(
    request: HttpRequest, *, counts_foreign_fetches: bool = True
) -> Caller | None:
    """Return the caller of an HTTP request; None for an anonymous one.

    With a token in `Authorization`, cookies do not count, and nothing can be forged: browsers do not add tokens by
    themselves. Any other caller has to pass Django's CSRF check, unless the authenticator says that it is not needed.
    Pages of other origins need a token: the authenticator sees neither their cookies nor their request, as of sockets.
    Raises AuthenticationFailed for credentials that are not accepted, and CsrfFailed.
    """
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
    ]
    token = token_from_headers(headers)
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    credentials = Credentials(
        token=token, session_key=session_key, headers=headers, request=request
    )
    page = page_of_request(request, inbox_settings().origins)
    if page is Page.NONE and not counts_foreign_fetches and _is_of_other_site(request):
        credentials = _without_cookies(credentials)
    elif page not in (Page.NONE, Page.OWN):
        if page is Page.STRANGE and token is None and session_key is not None:
            # Says what is wrong, where a page of our own does not look like one behind a proxy.
            await in_lane(Lane.ACCESS, _check_csrf, request)
        credentials = _without_cookies(credentials)
    caller = await caller_of(credentials)
    if caller is not None and token is None and caller.checks_csrf:
        # The session, which may hold the CSRF token, is in the database.
        await in_lane(Lane.ACCESS, _check_csrf, request)
    return caller


def _is_of_other_site(request: HttpRequest) -> bool:
    """Return whether a browser says that a page of another origin has sent a request."""
    return request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")


def _without_cookies(credentials: Credentials) -> Credentials:
    headers = [header for header in credentials.headers if header[0] != b"cookie"]
    return Credentials(token=credentials.token, headers=headers)


def _check_csrf(request: HttpRequest) -> None:
    check = _CsrfCheck(_not_called)
    check.process_request(request)
    try:
        reason = check.process_view(request, _not_called, (), {})
    except (BadRequest, MultiPartParserError, SuspiciousOperation):
        # It looks for the token in forms, of which this one is too large or broken.
        raise CsrfFailed("The form cannot be read.") from None
    if reason is not None:
        raise CsrfFailed(reason)


def _not_called(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


class _CsrfCheck(CsrfViewMiddleware):
    """Django's CSRF check; returns the reason of a failure."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


async def caller_of_socket(scope: Mapping[str, Any], payload: Mapping[str, Any]) -> Caller:
    """Return the caller of a socket; raise AuthenticationFailed for an anonymous one.

    The token of `connection_init` counts more than those of the handshake, then comes a ticket, then a session. The
    session's cookie is good enough because handshakes of pages on strange origins are refused; those of apps have none.
    """
    token = (
        token_from_payload(payload)
        or token_from_headers(scope["headers"])
        or token_from_subprotocols(scope["subprotocols"])
    )
    ticket = ticket_from_query(scope.get("query_string", b"")) if token is None else None
    if ticket is not None:
        return await caller_with_ticket(PresentedTicket(ticket, "graphql", client_address(scope)))
    headers = credential_headers(scope, inbox_settings().origins)
    session_key = session_key_in(headers) if token is None else None
    return await required_caller(
        Credentials(token=token, session_key=session_key, headers=headers, payload=payload)
    )
