"""The views. What a page needs to know of the server is in it as JSON, which no browser runs."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from backend.config import config
from backend.database_threads import in_database_thread
from backend.pages.bundles import Bundles, NotBuilt
from backend.pages.content_policy import protect_graphiql, protect_inbox
from backend.pages.demo import LONGEST_SECONDS, demo_token, demo_users

DOORS = """\
A real-time notification inbox.

GraphQL            POST /graphql/ and WebSocket /graphql/
Original protocol  WebSocket /ws/notifications/?token=JWT
Admin              /admin/
"""

COMPONENT_SECONDS = 300
"""How long browsers may keep the address of the web component: so long an old release is embedded at most."""


async def front(request: HttpRequest) -> HttpResponse:
    """Show the live inbox where the pages are switched on; elsewhere say in plain text what is served here."""
    if not config().serves_pages:
        return HttpResponse(DOORS, content_type="text/plain; charset=utf-8")
    response = _page(request, "live", await _facts(request))
    protect_inbox(request, response)
    return response


async def graphiql(request: HttpRequest) -> HttpResponse:
    """Show GraphiQL. The view of `/graphql/` is given this where GraphiQL is switched on."""
    facts = await _facts(request)
    # With a session, requests are checked for forgery: this sets the cookie that they prove themselves by.
    get_token(request)
    response = _page(request, "graphiql", facts)
    protect_graphiql(request, response)
    return response


async def give_demo_token(request: HttpRequest) -> HttpResponse:
    """Give a token of a demo user to a page of this site. In development only."""
    seconds = _whole(request.GET.get("seconds", str(LONGEST_SECONDS)))
    # Other sites could not read the answer; they need not cause it either.
    is_own = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    if request.method != "GET" or not is_own or not seconds:
        raise Http404
    token = await in_database_thread(demo_token, request.GET.get("user", ""), seconds)
    if token is None:
        raise Http404
    return JsonResponse({"token": token}, headers={"Cache-Control": "no-store"})


async def component(request: HttpRequest) -> HttpResponse:
    """Lead to the script of `<notification-inbox>`: an address for other sites that outlives releases."""
    try:
        url = Bundles.read().url("notification-inbox.js")
    except NotBuilt as error:
        script = f"console.error({json.dumps(str(error))});\n"
        return HttpResponse(script, status=503, content_type="text/javascript; charset=utf-8")
    cache = f"public, max-age={COMPONENT_SECONDS}"
    return HttpResponseRedirect(url, headers={"Cache-Control": cache})


def _page(request: HttpRequest, name: str, facts: dict[str, Any]) -> HttpResponse:
    try:
        bundles = Bundles.read()
    except NotBuilt as error:
        return render(request, "pages/not_built.html", {"problem": str(error)}, status=503)
    context = {
        "facts": facts,
        "script": bundles.url(f"{name}.js"),
        "style": bundles.url(f"{name}.css"),
        "icon": bundles.url("icon.svg"),
        "links": _links(),
        "is_development": config().is_development,
    }
    return render(request, f"pages/{name}.html", context)


async def _facts(request: HttpRequest) -> dict[str, Any]:
    # Addresses here and not in the thread, which does not know where the site is mounted.
    return await in_database_thread(_facts_with, request, _address("demo-token"))


def _facts_with(request: HttpRequest, tokens: str | None) -> dict[str, Any]:
    demo = [_person(user) for user in demo_users()]
    return {
        "endpoint": "/graphql/",
        "jsonEndpoint": "/ws/notifications/",
        "tokens": tokens if demo else None,
        "demo": demo,
        "viewer": _person(request.user) if request.user.is_authenticated else None,
        "tokenSeconds": _whole(request.GET.get("token-seconds", "")),
        "csrfHeader": "X-CSRFToken",
        "csrfCookie": settings.CSRF_COOKIE_NAME,
    }


def _whole(text: str) -> int | None:
    """Return a number of seconds; None for what is none, or for more than a token may last."""
    seconds = int(text) if text.isdecimal() and len(text) < 6 else 0
    return seconds if 0 < seconds <= LONGEST_SECONDS else None


def _person(user: Any) -> dict[str, str]:
    name = user.get_short_name() or user.get_username()
    return {"id": str(user.pk), "username": user.get_username(), "name": name}


def _links() -> dict[str, str | None]:
    return {
        "graphiql": "/graphql/" if config().serves_graphiql else None,
        "admin": _address("admin:index"),
    }


def _address(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
