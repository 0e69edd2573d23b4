"""The addresses that answer over HTTP. Sockets are routed in asgi.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path, re_path

from backend import health
from backend.admin.urls import legacy_admin_urls
from backend.home import home
from graphql_schema.view import graphql_view

urlpatterns = [
    path("", home),
    re_path(r"^graphql/?$", graphql_view, name="graphql"),
    *legacy_admin_urls,
    path("admin/", admin.site.urls),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", health.metrics),
]
