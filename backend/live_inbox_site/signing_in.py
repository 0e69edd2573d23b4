"""Signing in and out with a Django session, for people who are no administrators."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import views as auth_views
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from live_inbox.web.bundles import Bundles, NotBuilt
from live_inbox.web.content_security_policy import protect_inbox
from live_inbox_site.environment import site_settings


class SignIn(auth_views.LoginView):
    """A form for name and password. Leads back to `next`, if that is on this site, or else to the front."""

    template_name = "live_inbox_site/sign_in.html"
    next_page = "front"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer where the pages are switched on."""
        if not site_settings().serves_pages:
            raise Http404
        response = super().dispatch(request, *args, **kwargs)
        protect_inbox(request, response)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the addresses of the files, without which the form works as well."""
        try:
            bundles = Bundles.read()
        except NotBuilt:
            return super().get_context_data(**kwargs)
        files = {"style": bundles.url("live.css"), "icon": bundles.url("icon.svg")}
        return super().get_context_data(**kwargs, **files)


class SignOut(auth_views.LogoutView):
    """Ends the session of who posts to it."""

    next_page = "front"
