"""The addresses that answer over HTTP. Sockets are routed in asgi.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path

from backend import health
from backend.admin.urls import legacy_admin_urls
from backend.config import config
from backend.pages.views import graphiql
from graphql_schema.schema import schema
from graphql_schema.view import GraphQLView

graphql_view = GraphQLView.as_view(
    schema=schema, page=graphiql if config().serves_graphiql else None
)

urlpatterns = [
    path("", include("backend.pages.urls")),
    re_path(r"^graphql/?$", graphql_view, name="graphql"),
    *legacy_admin_urls,
    path("admin/", admin.site.urls),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
]
