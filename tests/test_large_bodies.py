"""Few requests with large bodies are served at a time of one address; the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from live_inbox.client_addresses import parse_networks
from live_inbox_site.large_bodies import LARGE_BYTES, MOST_OF_ADDRESS, WAIT_SECONDS, LargeBodies
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.stack("embedded")

ATTACKER, OTHER, MONITORING = "192.0.2.1", "192.0.2.2", "10.0.0.9"
LARGE = [(b"content-length", b"%d" % (LARGE_BYTES + 1))]
SMALL = [(b"content-length", b"%d" % LARGE_BYTES)]
CHUNKED = [(b"transfer-encoding", b"chunked")]


class Served:
    """An application behind the limit, which answers when the test lets it."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.requests: list[str] = []
        self.statuses: list[int] = []
        self.limit = LargeBodies(self._application, parse_networks(["10.0.0.0/8"]))

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append(scope["client"][0])
        await self.may_answer.wait()

    def request(self, address: str, headers: Any, **scope: Any) -> asyncio.Task[None]:
        """Begin a request."""

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])

        async def serve() -> None:
            given = {"type": "http", "method": "POST", "headers": headers, "client": (address, 1)}
            await self.limit({**given, **scope}, self._receive, send)

        return asyncio.ensure_future(serve())

    async def _receive(self) -> Any:
        raise AssertionError


def run(test: Callable[[Served], Any]) -> None:
    """Run a test on virtual time."""

    async def main() -> None:
        await test(Served())

    loop = VirtualTimeLoop()
    loop.run_until_complete(main())
    loop.close()


@pytest.mark.parametrize("headers", [LARGE, CHUNKED])
def test_some_are_served_and_the_others_wait(headers: Any) -> None:
    async def test(served: Served) -> None:
        attack = [served.request(ATTACKER, headers) for _ in range(10)]
        others = [served.request(OTHER, headers), served.request(ATTACKER, SMALL)]
        await asyncio.sleep(1)
        assert served.requests == [ATTACKER] * MOST_OF_ADDRESS + [OTHER, ATTACKER]
        served.may_answer.set()
        await asyncio.gather(*attack, *others)
        assert len(served.requests) == 12
        assert served.statuses == []

    run(test)


def test_who_waits_for_too_long_is_refused_and_leaves_nothing_behind() -> None:
    async def test(served: Served) -> None:
        attack = [served.request(ATTACKER, LARGE) for _ in range(10)]
        await asyncio.sleep(WAIT_SECONDS + 1)
        assert served.statuses == [429] * (10 - MOST_OF_ADDRESS)
        served.may_answer.set()
        await asyncio.gather(*attack)
        await served.request(ATTACKER, LARGE)
        assert len(served.requests) == MOST_OF_ADDRESS + 1

    run(test)


def test_a_client_that_leaves_gives_back_its_turn() -> None:
    async def test(served: Served) -> None:
        attack = [served.request(ATTACKER, LARGE) for _ in range(10)]
        await asyncio.sleep(1)
        for each in attack:
            each.cancel()
        await asyncio.gather(*attack, return_exceptions=True)
        served.may_answer.set()
        await served.request(ATTACKER, LARGE)
        assert len(served.requests) == MOST_OF_ADDRESS + 1

    run(test)


def test_unlimited_addresses_and_other_requests_do_not_wait() -> None:
    async def test(served: Served) -> None:
        requests = [served.request(MONITORING, LARGE) for _ in range(10)]
        requests += [served.request(ATTACKER, []) for _ in range(10)]
        requests += [
            served.request(ATTACKER, [], http_version="2", method="GET") for _ in range(10)
        ]
        served.may_answer.set()
        await asyncio.gather(*requests)
        assert len(served.requests) == 30

    run(test)
