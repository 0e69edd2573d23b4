"""The paths of both APIs' sockets: where the project's URL configuration has put the inbox."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, reverse

from live_inbox.sockets.asgi import Scope

SOCKET_PATHS = {"graphql": "graphql/", "json": "ws/notifications/"}
"""The path of each API's sockets below the inbox's prefix. The keys are the names of the URL patterns, too."""


def socket_paths(prefix: str | None) -> Mapping[str, str]:
    """Return the name of the API at each path, without the slashes at its ends.

    Without a prefix (None) it is where `include("live_inbox.urls")` stands in the project's URL configuration; at the
    root, if it does not stand there at all. Raises what the import of the URL configuration raises.
    """
    if prefix is None:
        return {_reversed(name).strip("/"): name for name in SOCKET_PATHS}
    start = prefix.strip("/")
    return {f"{start}/{path}".strip("/"): name for name, path in SOCKET_PATHS.items()}


def _reversed(name: str) -> str:
    try:
        return reverse(f"live_inbox:{name}").removeprefix(get_script_prefix())
    except NoReverseMatch:
        return SOCKET_PATHS[name]


def path_in_project(scope: Scope) -> str:
    """Return the path of a connection below the address of the project, as Django computes it for requests.

    That address is FORCE_SCRIPT_NAME or the server's `root_path`.
    """
    root: str = settings.FORCE_SCRIPT_NAME or scope.get("root_path") or ""
    path: str = scope["path"]
    return path.removeprefix(root.rstrip("/"))
