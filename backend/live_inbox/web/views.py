"""The views of GraphiQL and of the web component's script, and the rendering of every page.

A page holds its configuration (`page_facts`) as JSON in a script element that browsers do not execute.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_database_thread
from live_inbox.web.bundles import FOR_ALL_ORIGINS, Bundles, NotBuilt
from live_inbox.web.content_security_policy import protect_graphiql

COMPONENT_SECONDS = 300
"""How long browsers cache the redirect to the web component, and so keep using an old release, in seconds."""


@database.non_atomic
async def graphiql(request: HttpRequest) -> HttpResponse:
    """Serve GraphiQL. The GraphQL view calls this for browsers if GraphiQL is enabled."""
    return render_graphiql(request, await in_database_thread(page_facts, request, addresses()))


def render_graphiql(request: HttpRequest, facts: dict[str, Any]) -> HttpResponse:
    """Return the page of GraphiQL."""
    # Sets the CSRF cookie that requests with a session need.
    get_token(request)
    response = render_page(request, "live_inbox/graphiql.html", "graphiql", facts)
    protect_graphiql(request, response)
    return response


@database.non_atomic
async def component(request: HttpRequest) -> HttpResponse:
    """Redirect to the script of `<notification-inbox>`: a stable URL for other sites to embed. 503 if not built."""
    return _redirect_to_script("notification-inbox.js")


@database.non_atomic
async def component_language(request: HttpRequest, language: str) -> HttpResponse:
    """Redirect to a script that `<notification-inbox>` loads from beside its own: a language, HTTP. 503 if not built.

    Raises Http404 for a language that is not shipped.
    """
    return _redirect_to_script(f"notification-inbox.{language}.js")


def _redirect_to_script(name: str) -> HttpResponse:
    try:
        url = Bundles.read().url(name)
    except KeyError:
        raise Http404(name) from None
    except NotBuilt as error:
        script = f"console.error({json.dumps(str(error))});\n"
        kind = "text/javascript; charset=utf-8"
        return HttpResponse(script, status=503, content_type=kind, headers=FOR_ALL_ORIGINS)
    cache = f"public, max-age={COMPONENT_SECONDS}"
    return HttpResponseRedirect(url, headers={"Cache-Control": cache, **FOR_ALL_ORIGINS})


def render_page(
    request: HttpRequest, template: str, bundle: str, facts: dict[str, Any]
) -> HttpResponse:
    """Render a page with its bundle; a 503 page with instructions if the bundles have not been built."""
    try:
        bundles = Bundles.read()
    except NotBuilt as error:
        problem = {"problem": str(error), "links": _links()}
        return render(request, "live_inbox/not_built.html", problem, status=503)
    context = {
        "facts": facts,
        "script": bundles.url(f"{bundle}.js"),
        "style": bundles.url(f"{bundle}.css"),
        "icon": bundles.url("icon.svg"),
        "links": _links(),
        "is_development": settings.DEBUG,
    }
    return render(request, template, context)


def addresses() -> dict[str, Any]:
    """Return the URLs for the scripts of a page. Called on the event loop: threads do not know the script prefix."""
    return {
        "endpoint": reverse("live_inbox:graphql"),
        "jsonEndpoint": reverse("live_inbox:json"),
        "home": None,
        "tokens": None,
    }


def page_facts(request: HttpRequest, addresses: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration for the scripts of a page: URLs, the signed-in user, names for the CSRF check."""
    return addresses | {
        "demo": [],
        "viewer": _viewer(request),
        "tokenSeconds": None,
        "csrfHeader": "X-CSRFToken",
        "csrfCookie": settings.CSRF_COOKIE_NAME,
    }


def _viewer(request: HttpRequest) -> dict[str, str] | None:
    """Return the signed-in user; None without one, or if the project does not use sessions."""
    user = getattr(request, "user", None)
    return person_facts(user) if user is not None and user.is_authenticated else None


def person_facts(user: Any) -> dict[str, str]:
    """Return a user as JSON for the scripts of a page."""
    # Django does not require a short name of a custom user model.
    short_name = getattr(user, "get_short_name", str)
    name = short_name() or user.get_username()
    return {"id": str(user.pk), "username": user.get_username(), "name": name}


def _links() -> dict[str, str | None]:
    return {
        "graphql": reverse("live_inbox:graphql"),
        "json": reverse("live_inbox:json"),
        "graphiql": reverse("live_inbox:graphql") if inbox_settings().serves_graphiql else None,
        "admin": address_of("admin:index"),
    }


def address_of(name: str) -> str | None:
    """Return the URL of a named pattern; None if the project has no such name."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
