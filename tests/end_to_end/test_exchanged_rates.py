"""What the event loop of one process refuses, another one refuses soon; and nobody waits for Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import pytest

from tests.sockets.test_address_limits import PATHS, handshake
from tests.stacks.redis_server import RedisServer
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = [pytest.mark.stack("production"), pytest.mark.django_db(transaction=True)]

RATES = {
    "OPERATION_RATE": "1/hour burst 8",
    "ANONYMOUS_OPERATION_RATE": "1/hour burst 8",
    "HANDSHAKE_RATE": "1/hour burst 8",
    "SIGN_IN_RATE_PER_ADDRESS": "1/day burst 2",
}


class Client:
    """A client behind a proxy, of one server."""

    def __init__(self, server: ServerProcess, token: str, address: str) -> None:
        self.server = server
        self._token = token
        self._address = address

    def operation(self) -> bool:
        """Ask with the token; return whether it was answered."""
        return self._asked({"Authorization": f"Bearer {self._token}"})

    def anonymous_operation(self) -> bool:
        """Ask without a token."""
        return self._asked({})

    def _asked(self, headers: dict[str, str]) -> bool:
        headers = {**headers, "X-Forwarded-For": self._address}
        url = f"{self.server.http}/graphql/"
        answer = httpx.post(url, json={"query": "{ __typename }"}, headers=headers, timeout=60)
        assert answer.status_code in (200, 429)
        return answer.status_code == 200

    def handshake(self) -> bool:
        """Open a socket, and leave it."""

        async def opened() -> bytes:
            async with AsyncExitStack() as stack:
                return await handshake(self.server, stack, PATHS[0], self._address)

        return asyncio.run(opened()) == b"101"

    def signing_in(self) -> bool:
        """Try a password."""
        headers = {"X-Forwarded-For": self._address}
        with httpx.Client(base_url=self.server.http, timeout=60, headers=headers) as browser:
            browser.get("/admin/login/")
            form = {
                "username": f"nobody {time.monotonic_ns()}",
                "password": "wrong",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            return browser.post("/admin/login/", data=form).status_code == 200


ACTIONS: dict[str, Callable[[Client], bool]] = {
    "operation": Client.operation,
    "anonymous operation": Client.anonymous_operation,
    "handshake": Client.handshake,
}


def granted(action: Callable[[Client], bool], client: Client) -> int:
    """Do something until it is refused; return how often it was not."""
    count = 0
    while action(client):
        count += 1
    return count


def test_two_processes(
    start_server: Callable[..., ServerProcess], private_redis: RedisServer, token: str
) -> None:
    servers = [
        start_server(TRUSTED_PROXIES="1", REDIS_URL=private_redis.url, **RATES) for _ in range(2)
    ]
    first, second = (Client(server, token, "192.0.2.1") for server in servers)
    for server in servers:
        # The document is known from now on, and takes no more than one.
        assert Client(server, token, "192.0.2.7").anonymous_operation()
    for name, action in ACTIONS.items():
        assert granted(action, first) == 8, name
    for name, action in ACTIONS.items():
        # Alone, it would allow eight. It has heard of the others as soon as it has asked.
        deadline, count = time.monotonic() + 60, 0
        while action(second):
            count += 1
            assert count < 8, name
            assert time.monotonic() < deadline
            time.sleep(0.3)
        assert action(Client(servers[1], token, "192.0.2.9")) is (name != "operation")
    # A sign-in asks Redis itself: two for each process, four in all.
    assert [granted(Client.signing_in, each) for each in (first, second, first)] == [2, 2, 0]
    private_redis.freeze()
    try:
        for number, server in enumerate(servers):
            alone = Client(server, token, f"192.0.2.{100 + number}")
            assert granted(Client.anonymous_operation, alone) == 8
            assert granted(Client.handshake, alone) == 8
    finally:
        private_redis.thaw()
    for server in servers:
        assert "Traceback" not in server.log()
        assert server.log().count("storage of rates fails") <= 1
