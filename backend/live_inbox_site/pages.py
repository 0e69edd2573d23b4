"""The views of the site: the live inbox page, GraphiQL with the demo users, and tokens for them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    HttpResponseServerError,
    JsonResponse,
)
from django.http.multipartparser import MultiPartParserError
from django.urls import reverse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from live_inbox import database
from live_inbox.client_addresses import parse_address
from live_inbox.content import LINK_LENGTH, MESSAGE_LENGTH, TITLE_LENGTH
from live_inbox.database_threads import in_database_thread
from live_inbox.notification_types import TYPE_LENGTH
from live_inbox.request_addresses import client_of_request
from live_inbox.web.bundles import Bundles, NotBuilt
from live_inbox.web.content_security_policy import protect_inbox
from live_inbox.web.views import (
    COMPONENT_SECONDS,
    addresses,
    page_facts,
    person_facts,
    render_graphiql,
    render_page,
)
from live_inbox_site.demo_events import StillBusy, make_demo_events
from live_inbox_site.demo_tokens import LONGEST_SECONDS, demo_token, demo_users
from live_inbox_site.environment import site_settings

_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")

UNREADABLE = (BadRequest, MultiPartParserError, SuspiciousOperation)
"""What Django raises for a form that it does not read."""

FORM_LIMITS = {
    "type": TYPE_LENGTH,
    "title": TITLE_LENGTH,
    "message": MESSAGE_LENGTH,
    "link": LINK_LENGTH,
}
"""The most characters that each field of the form may have."""

WHAT_IS_SERVED = """\
A real-time notification inbox.

GraphQL            POST {graphql} and WebSocket {graphql}
JSON API           WebSocket {json}?token=JWT
Admin              {admin}
"""


@database.non_atomic
async def front(request: HttpRequest) -> HttpResponse:
    """Show the live inbox where the pages are switched on; elsewhere say in plain text what is served here."""
    if not site_settings().serves_pages:
        return HttpResponse(_what_is_served(), content_type="text/plain; charset=utf-8")
    facts = await _facts(request) | {"limits": FORM_LIMITS}
    response = render_page(request, "live_inbox_site/live.html", "live", facts)
    protect_inbox(request, response)
    return response


@database.non_atomic
async def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon of the pages: browsers ask for it here on every page that names none, as in the admin.

    Raises Http404 if the pages have not been built.
    """
    try:
        url = Bundles.read().url("icon.svg")
    except NotBuilt as error:
        raise Http404(str(error)) from None
    cache = f"public, max-age={COMPONENT_SECONDS}"
    return HttpResponseRedirect(url, headers={"Cache-Control": cache})


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400. Django's own view makes a CSRF check, which fails again where the form is what cannot be read."""
    return HttpResponseBadRequest("Bad Request\n", content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404; 400 where Django's own view fails, whose CSRF check reads the form."""
    try:
        return defaults.page_not_found(request, exception)
    except UNREADABLE:
        return bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403, or 400 likewise."""
    try:
        return defaults.permission_denied(request, exception)
    except UNREADABLE:
        return bad_request(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer 500, with Django's own page where that does not fail, too."""
    try:
        return defaults.server_error(request)
    except UNREADABLE:
        text = "Server Error\n"
        return HttpResponseServerError(text, content_type="text/plain; charset=utf-8")


@database.non_atomic
async def graphiql(request: HttpRequest) -> HttpResponse:
    """Show GraphiQL with the demo users to choose from."""
    return render_graphiql(request, await _facts(request))


@database.non_atomic
async def give_demo_token(request: HttpRequest) -> HttpResponse:
    """Give a token of a demo user to a page of this site, in a browser on this machine. In development only."""
    seconds = _whole(request.GET.get("seconds", str(LONGEST_SECONDS)))
    if request.method != "GET" or not seconds or not _is_of_a_page_from_here(request):
        raise Http404
    token = await in_database_thread(demo_token, request.GET.get("user", ""), seconds)
    if token is None:
        raise Http404
    return JsonResponse({"token": token}, headers={"Cache-Control": "no-store"})


@csrf_exempt
@database.non_atomic
async def give_demo_events(request: HttpRequest) -> HttpResponse:
    """Make hundreds of events in the inbox of a demo user, for a page of this site. In development only.

    429 while others are being made.
    """
    if request.method != "POST" or not _is_of_a_page_from_here(request):
        raise Http404
    try:
        events = await in_database_thread(make_demo_events, request.GET.get("user", ""))
    except StillBusy:
        return HttpResponse(status=429, headers={"Retry-After": "1"})
    if events is None:
        raise Http404
    return JsonResponse({"events": events}, headers={"Cache-Control": "no-store"})


def _what_is_served() -> str:
    return WHAT_IS_SERVED.format(
        graphql=reverse("live_inbox:graphql"),
        json=reverse("live_inbox:json"),
        admin=reverse("admin:index"),
    )


async def _facts(request: HttpRequest) -> dict[str, Any]:
    own = {
        "home": reverse("front"),
        "tokens": reverse("demo-token"),
        "events": reverse("demo-events"),
    }
    return await in_database_thread(_facts_with, request, addresses() | own)


def _facts_with(request: HttpRequest, addresses: dict[str, Any]) -> dict[str, Any]:
    demo = [person_facts(user) for user in demo_users()] if _is_from_here(request) else []
    return page_facts(request, addresses) | {
        "tokens": addresses["tokens"] if demo else None,
        "events": addresses["events"] if demo else None,
        "demo": demo,
        "tokenSeconds": _whole(request.GET.get("token-seconds", "")),
    }


def _is_of_a_page_from_here(request: HttpRequest) -> bool:
    """Whether a page of this site asks, in a browser on this machine."""
    # Other sites could not read the answer; they need not cause it either.
    is_own = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return is_own and _is_from_here(request)


def _is_from_here(request: HttpRequest) -> bool:
    """Whether a browser on this machine asks, and not one behind a proxy on this machine."""
    address = parse_address(client_of_request(request))
    is_loopback = address is not None and address.is_loopback
    return is_loopback and not any(name in request.headers for name in _OF_PROXIES)


def _whole(text: str) -> int | None:
    """Return a number of seconds; None for what is none, or for more than a token may last."""
    seconds = int(text) if text.isdecimal() and len(text) < 6 else 0
    return seconds if 0 < seconds <= LONGEST_SECONDS else None
