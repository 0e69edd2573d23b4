"""The inbox beside a project's own applications, at any prefix, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_connection
from typing import Any, cast

import pytest
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.urls import include, path
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import live_inbox
import live_inbox.asgi
from live_inbox.sockets.asgi import Application, Receive, Scope, Send
from live_inbox_site.asgi import http
from tests.both_apis.devices import GraphQLDevice, JsonDevice
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings
from tests.servers.delivery import check_delivery

urlpatterns = [path("inbox/", include("live_inbox.urls"))]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """A consumer of the project: sends one message back."""
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({"type": "websocket.send", "text": f"echo {message['text']}"})
    await send({"type": "websocket.close"})


ECHO: Any = path("echo/", cast("Any", echo))
THEIRS = cast("Application", URLRouter([ECHO]))


@contextmanager
def served(application: Application) -> Iterator[ServerThread]:
    """Serve an application while in the block. Between tests the database belongs to others: no housekeeping."""
    with changed_settings(HOUSEKEEPING=False), ServerThread(application) as server:
        yield server


def refusal(address: str) -> int:
    """Return the HTTP status with which a socket is refused."""
    with pytest.raises(InvalidStatus) as refused:
        connect(address)
    return refused.value.response.status_code


def handshake_status(server: ServerThread, path: str, headers: dict[str, str]) -> int:
    """Return the HTTP status that a handshake for `localhost` gets."""
    connection = create_connection(("127.0.0.1", server.port))
    try:
        with connect(f"ws://localhost{path}", sock=connection, additional_headers=headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def check_echo(server: ServerThread) -> None:
    """Check that the project's own consumer is served."""
    with connect(f"{server.ws}/echo/") as socket:
        socket.send("hello")
        assert socket.recv() == "echo hello"


def test_sockets_at_other_paths_are_left_to_the_project(alice: int, token: str) -> None:
    with served(live_inbox.asgi.mount(http, websocket=THEIRS)) as server:
        check_delivery(server.ws, alice, token)
        check_echo(server)
        # What the project's router does with a path that it does not know: it raises.
        assert refusal(f"{server.ws}/elsewhere/") == 500


def test_sockets_at_other_paths_are_refused_without_one(alice: int, token: str) -> None:
    with served(live_inbox.asgi.mount(http)) as server:
        for path_ in (
            "",
            "/",
            "/echo/",
            "/graphqlx/",
            "/x/graphql/",
            "/graphql/x",
            "/inbox/graphql/",
        ):
            assert refusal(f"{server.ws}{path_}") == 403


@override_settings(ROOT_URLCONF=__name__)
def test_the_sockets_are_where_the_urls_are_included(alice: int, token: str) -> None:
    with served(live_inbox.asgi.mount(http)) as server:
        check_delivery(f"{server.ws}/inbox", alice, token)
        assert refusal(f"{server.ws}/graphql/") == 403


@pytest.mark.parametrize("prefix", ["mine/inbox/", "/mine/inbox", "mine/inbox"])
def test_a_prefix_that_is_given_counts(alice: int, token: str, prefix: str) -> None:
    with served(live_inbox.asgi.mount(http, prefix=prefix)) as server:
        check_delivery(f"{server.ws}/mine/inbox", alice, token)
        assert refusal(f"{server.ws}/graphql/") == 403


@override_settings(ROOT_URLCONF="tests.servers.urls_without_inbox")
def test_without_the_urls_the_sockets_are_at_the_root(alice: int, token: str) -> None:
    with served(live_inbox.asgi.mount(http)) as server:
        check_delivery(server.ws, alice, token)


def test_the_project_may_route_the_sockets_itself(alice: int, token: str) -> None:
    routes = [*live_inbox.asgi.websocket_urlpatterns("inbox/"), ECHO]
    application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(routes)})
    with served(cast("Application", application)) as server:
        # No lifespan: it starts with the first socket.
        check_delivery(f"{server.ws}/inbox", alice, token)
        check_echo(server)
        # A trusted proxy is believed here as well: it says which port the page has called.
        headers = {"X-Forwarded-Port": "8443", "Origin": "http://localhost:8443"}
        for proxies, expected in ([], 403), (["127.0.0.1"], 101):
            with changed_settings(TRUSTED_PROXIES=proxies):
                assert handshake_status(server, "/inbox/graphql/", headers) == expected


def test_it_may_be_mounted_within_a_protocol_router(alice: int, token: str) -> None:
    sockets = live_inbox.asgi.mount(websocket=THEIRS)
    application = ProtocolTypeRouter({"http": http, "websocket": sockets})
    with served(cast("Application", application)) as server:
        check_delivery(server.ws, alice, token)
        check_echo(server)


def test_several_mounts_run_side_by_side(alice: int, token: str) -> None:
    started = []
    counted = live_inbox.asgi.mount(
        live_inbox.asgi.mount(http, prefix="inner/", on_started=lambda: started.append("inner")),
        websocket=live_inbox.asgi.mount(prefix="inner/"),
        prefix="outer/",
        on_started=lambda: started.append("outer"),
    )
    with served(counted) as server:
        assert started == ["outer", "inner"]
        with (
            GraphQLDevice(f"{server.ws}/inner", token) as device,
            JsonDevice(f"{server.ws}/outer", token),
        ):
            live_inbox.send(recipient=alice, title="Hello")
            assert device.next_change().what == "added"


def test_settings_that_cannot_work_are_refused_at_once() -> None:
    with changed_settings(SEND_RATE="often"):
        with pytest.raises(ImproperlyConfigured, match="SEND_RATE"):
            live_inbox.asgi.mount(http)
        with pytest.raises(ImproperlyConfigured, match="SEND_RATE"):
            live_inbox.asgi.websocket_urlpatterns()


async def test_requests_need_an_application() -> None:
    async def receive() -> dict[str, object]:
        raise AssertionError

    with pytest.raises(ValueError, match="without an application for 'http'"):
        await live_inbox.asgi.mount()({"type": "http"}, receive, receive)  # type: ignore[arg-type]
