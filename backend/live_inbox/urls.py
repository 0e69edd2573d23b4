"""The HTTP addresses of the inbox: `path("", include("live_inbox.urls"))`."""

from __future__ import annotations

from django.urls import path, re_path

from live_inbox.conf import inbox_settings
from live_inbox.web import views
from live_inbox.web.preferences import preferences
from live_inbox_graphql.schema import schema
from live_inbox_graphql.view import GraphQLView

graphql_view = GraphQLView.as_view(
    schema=schema, page=views.graphiql if inbox_settings().serves_graphiql else None
)

urlpatterns = [
    re_path(r"^graphql/?$", graphql_view, name="graphql"),
    path("notification-inbox.js", views.component, name="component"),
    path("notifications/preferences/", preferences, name="preferences"),
]
