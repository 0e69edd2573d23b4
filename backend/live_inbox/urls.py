"""The HTTP addresses of the inbox: `path("", include("live_inbox.urls"))`, or below any prefix.

The sockets are at two of the same addresses: `live_inbox.asgi.mount` finds them by the names of the patterns.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.socket_paths import SOCKET_PATHS
from live_inbox.sockets.refusals import CONTENT_TYPE, refusal_body
from live_inbox.web import views
from live_inbox.web.preferences import preferences
from live_inbox_graphql.view import GraphQLView, Page

app_name = "live_inbox"


def graphql_view(graphiql: Page) -> Any:
    """Return the view of GraphQL. Where GraphiQL is enabled, it answers browsers with that page."""

    # The view behind it makes the CSRF check itself, for requests that a session authenticates.
    @database.non_atomic
    @csrf_exempt
    async def graphql(request: HttpRequest) -> HttpResponseBase:
        page = graphiql if inbox_settings().serves_graphiql else None
        response: HttpResponseBase = await _view(page)(request)
        return response

    _views.add(graphql)
    return graphql


_views: set[Any] = set()


def is_graphql_view(view: object) -> bool:
    """Whether a view is one that `graphql_view` has made, and nothing around it."""
    return view in _views


@lru_cache(maxsize=4)
def _view(page: Page | None) -> Any:
    return GraphQLView.as_view(page=page)


@database.non_atomic
@csrf_exempt
async def sockets_only(request: HttpRequest) -> HttpResponse:
    """Refuse a plain request to the JSON API. Most often, a proxy has not passed on that it asked for a WebSocket."""
    status = HTTPStatus.UPGRADE_REQUIRED
    response = HttpResponse(refusal_body(status), status=status, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    scope = getattr(request, "scope", {})
    if scope.get("http_version") == "1.1":
        # WSGI and HTTP/2 forbid these.
        response.headers["Upgrade"] = "websocket"
        response.headers["Connection"] = "Upgrade"
    return response


graphql = graphql_view(views.graphiql)

urlpatterns = [
    path(SOCKET_PATHS["graphql"], graphql, name="graphql"),
    path(SOCKET_PATHS["graphql"].rstrip("/"), graphql),
    path(SOCKET_PATHS["json"], sockets_only, name="json"),
    path(SOCKET_PATHS["json"].rstrip("/"), sockets_only),
    path("notification-inbox.js", views.component, name="component"),
    path(
        "notification-inbox.<slug:language>.js", views.component_language, name="component-language"
    ),
    path("notifications/preferences/", preferences, name="preferences"),
]
