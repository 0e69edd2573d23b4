"""Whose request it is, behind trusted proxies: in a project, where nothing has changed the request before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import RequestFactory

from live_inbox.per_loop import PerLoop
from live_inbox.request_addresses import client_of_request
from live_inbox.socket_router import Apis, SocketEndpoint
from live_inbox.sockets.asgi import Receive, Scope, Send, client_address
from live_inbox_graphql.context import Context, address_of
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.stack("embedded")


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded_for", "client"),
    [
        ([], "10.0.0.1", "192.0.2.1", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, 192.0.2.1", "192.0.2.1"),
        (["10.0.0.0/8"], "203.0.113.1", "192.0.2.1", "203.0.113.1"),
        (["1"], "10.0.0.1", "1.1.1.1, 2001:db8::1", "2001:db8::1"),
        # The site has done it before.
        (["1"], "192.0.2.1", "1.1.1.1, 192.0.2.1", "192.0.2.1"),
        (["2"], "", None, ""),
    ],
)
def test_of_requests(proxies: list[str], peer: str, forwarded_for: str | None, client: str) -> None:
    headers = {} if forwarded_for is None else {"X-Forwarded-For": forwarded_for}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    with changed_settings(TRUSTED_PROXIES=proxies):
        assert client_of_request(request) == client
        assert address_of(Context(caller=None, request=request)) == client


async def test_of_sockets_that_the_project_routes_itself() -> None:
    found = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((client_address(scope), scope["scheme"]))

    @asynccontextmanager
    async def running() -> AsyncIterator[Apis]:
        yield {"json": application}

    async def unused(*args: Any) -> Any:
        raise AssertionError

    endpoint = SocketEndpoint("json", PerLoop(running))
    headers = [(b"x-forwarded-for", b"1.1.1.1, 192.0.2.1"), (b"x-forwarded-proto", b"https")]
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "client": ("127.0.0.1", 9),
        "headers": headers,
    }
    with changed_settings(TRUSTED_PROXIES=["1"]):
        await endpoint(scope, unused, unused)
    assert found == [("192.0.2.1", "wss")]
