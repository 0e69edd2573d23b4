"""The HTTP addresses of the site. Sockets are routed by `live_inbox.socket_router`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path

from live_inbox.admin.urls import original_admin_redirects
from live_inbox.urls import graphql_view
from live_inbox_site import pages
from live_inbox_site.sign_in_throttle import throttled
from live_inbox_site.signing_in import SignIn, SignOut

# Before the app's own view of the same address: this page knows the demo users.
graphql = graphql_view(pages.graphiql)

handler400 = pages.bad_request
handler403 = pages.forbidden
handler404 = pages.not_found
handler500 = pages.failed

urlpatterns = [
    path("", pages.front, name="front"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("sign-in/", throttled(SignIn.as_view()), name="sign-in"),
    path("sign-out/", SignOut.as_view(), name="sign-out"),
    path("demo-token", pages.give_demo_token, name="demo-token"),
    path("demo-events", pages.give_demo_events, name="demo-events"),
    re_path(r"^graphql/?$", graphql),
    path("", include("live_inbox.urls")),
    *original_admin_redirects,
    # Before the admin's own view of the same address.
    path("admin/login/", throttled(admin.site.login)),
    path("admin/", admin.site.urls),
    path("", include("live_inbox.health_urls")),
]
