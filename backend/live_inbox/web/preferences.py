"""The page on which users turn types of notification on and off, on each channel, for projects without such a page.

It extends the template `live_inbox/base.html`. A project that has a template of that name in its own directories puts
the page into its own frame.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from live_inbox import selectors, services
from live_inbox.selectors import PreferenceState


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Show the caller's preferences, or save them. Redirects to LOGIN_URL without a session."""
    # Without AuthenticationMiddleware, a request has no user.
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    states = selectors.preferences(user_id=user.pk)
    if request.method == "POST":
        _save(user, states, request.POST)
        return HttpResponseRedirect(f"{request.path}?saved=1")
    context = {
        "preferences": states,
        "channels": selectors.channels(),
        "saved": "saved" in request.GET,
    }
    return render(request, "live_inbox/preferences.html", context)


def _save(user: Any, states: list[PreferenceState], form: QueryDict) -> None:
    """Save what has changed. Only types that were listed: a form cannot make up others."""
    for state in states:
        for on in state.channels:
            enabled = state.type in form.getlist(f"on:{on.channel}")
            if not on.required and enabled is not on.enabled:
                services.set_preference(
                    user_id=user.pk, type=state.type, enabled=enabled, channel=on.channel
                )
