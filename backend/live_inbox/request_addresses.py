"""The address of the client of a Django request, behind the trusted proxies, on any server."""

from __future__ import annotations

from django.http import HttpRequest

from live_inbox.conf import inbox_settings


def client_of_request(request: HttpRequest) -> str:
    """Return the IP address of the client; empty if nothing says it.

    Where the server or the site has put the client's address into the request already, it is the same.
    """
    peer = request.META.get("REMOTE_ADDR") or None
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR")
    return inbox_settings().proxies.client(peer, [forwarded_for] if forwarded_for else ()) or ""
