"""Users and servers for the checks. Imported in the process of a project, once Django is set up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.core.asgi import get_asgi_application
from websockets.exceptions import ConnectionClosed

from live_inbox.asgi import mount
from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import GraphQLDevice, JsonDevice, Socket
from tests.both_apis.server_thread import ServerThread

User: Any = get_user_model()
_numbers = itertools.count(1)


def new_user(**fields: Any) -> Any:
    """Return a new user, whose name is an e-mail address in one project and odd text in another."""
    return User.objects.create_user(f"ä{next(_numbers)}/?@example.com", **fields)


def token_of(user: Any) -> str:
    """Return a token of ours."""
    return issue_token(user, ttl_seconds=600)


@contextmanager
def serving() -> Iterator[ServerThread]:
    """Serve the project while in the block."""
    # Django's stubs are narrower than ASGI.
    http: Any = get_asgi_application()
    with ServerThread(mount(http)) as server:
        yield server


@contextmanager
def both_devices(server: ServerThread, user: Any) -> Iterator[tuple[GraphQLDevice, JsonDevice]]:
    """Open a device of a user at each API."""
    token = token_of(user)
    with GraphQLDevice(server.ws, token) as graphql, JsonDevice(server.ws, token) as original:
        yield graphql, original


def close_code(socket: Socket) -> int | None:
    """Return the code with which the server closes a socket."""
    while True:
        try:
            socket.receive()
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else closed.rcvd.code
