"""Answers the health endpoints before any other middleware looks at the request.

Probes ask by the address of a machine or a container, which is not in ALLOWED_HOSTS, over plain HTTP, and often without
a Host. Nothing that the endpoints answer is made of the Host.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, get_script_prefix, reverse

from live_inbox.health_urls import VIEWS, app_name

View = Callable[[HttpRequest], Awaitable[HttpResponse]]


class HealthMiddleware:
    """Serves what `live_inbox.health_urls` has, where it is included in ROOT_URLCONF. Put it first in MIDDLEWARE."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Return the response, or on an event loop an awaitable of it."""
        view = health_views(settings.ROOT_URLCONF).get(request.path_info)
        if view is None:
            return self._get_response(request)
        return answer(view, request) if self._is_async else async_to_sync(answer)(view, request)


async def answer(view: View, request: HttpRequest) -> HttpResponse:
    """Return the response of a health endpoint, with the headers that all of them have."""
    response = await view(request)
    response.headers["Cache-Control"] = "no-store"
    # Else it comes in chunks, also to probes of HTTP/1.0, which know none.
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@lru_cache(maxsize=4)
def health_views(urlconf: str) -> Mapping[str, View]:
    """Return the view of each health endpoint that the project has, by its path in the project."""
    found: dict[str, View] = {}
    for name, view in VIEWS.items():
        try:
            address = reverse(f"{app_name}:{name}", urlconf=urlconf)
        except NoReverseMatch:
            continue
        found["/" + address.removeprefix(get_script_prefix()).lstrip("/")] = view
    return found
