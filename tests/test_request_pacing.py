"""Requests of one address beyond the rate wait for their turn; those of others do not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from live_inbox.client_addresses import parse_networks
from live_inbox.limits.rate import NANOSECONDS, RateLimit
from live_inbox_site.request_pacing import AddressRates, ChargedRequests, RequestPacing
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.stack("embedded")

ATTACKER, OTHER, MONITORING = "192.0.2.1", "192.0.2.2", "10.0.0.9"


class Served:
    """An application behind the pacing, on virtual time."""

    def __init__(self, rate: str = "10/second burst 5", *, more: int = 0) -> None:
        self.loop = VirtualTimeLoop()
        self.moments: list[tuple[str, float]] = []
        """Each request that the application got: its address, and when."""
        self.statuses: list[int] = []
        rates = AddressRates(
            RateLimit.parse(rate),
            parse_networks(["10.0.0.0/8"]),
            clock=lambda: int(self.loop.time() * NANOSECONDS),
        )
        served: Any = ChargedRequests(self._application, rates, more) if more else self._application
        self.pacing = RequestPacing(served, rates)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.moments.append((scope["client"][0], round(self.loop.time(), 3)))

    async def request(self, address: str, kind: str = "http") -> None:
        """Make a request."""

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])

        async def receive() -> Any:
            raise AssertionError

        scope = {"type": kind, "client": (address, 1)}
        await self.pacing(scope, receive, send)

    def all(self, requests: list[Coroutine[Any, Any, None]]) -> None:
        """Make requests at once, and wait for their ends."""

        async def gather() -> None:
            await asyncio.gather(*requests)

        self.loop.run_until_complete(gather())
        self.loop.close()


def test_beyond_the_burst_requests_come_at_the_rate() -> None:
    served = Served()
    served.all([served.request(ATTACKER) for _ in range(8)])
    assert [moment for _, moment in served.moments] == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]
    assert served.statuses == []


def test_what_costs_more_takes_more_of_the_rate() -> None:
    served = Served("10/second burst 2", more=3)
    served.all([served.request(ATTACKER) for _ in range(3)])
    # Each takes 4 when it begins: the first two of the burst, and two that the next one waits for.
    assert [moment for _, moment in served.moments] == [0, 0.3, 0.4]
    served = Served("1/hour", more=3)
    served.all([served.request(MONITORING) for _ in range(20)])
    assert {moment for _, moment in served.moments} == {0.0}


def test_others_do_not_wait_behind_them() -> None:
    served = Served()
    attack = [served.request(ATTACKER) for _ in range(50)]
    served.all([*attack, served.request(OTHER), served.request(MONITORING)])
    assert served.moments[5:7] == [(OTHER, 0), (MONITORING, 0)]


def test_what_would_wait_for_too_long_is_refused() -> None:
    served = Served()
    served.all([served.request(ATTACKER) for _ in range(200)])
    assert len(served.moments) == 105
    assert served.statuses == [429] * 95
    assert max(moment for _, moment in served.moments) == 10.0


def test_a_network_of_ipv6_shares_its_rate() -> None:
    served = Served("1/second burst 1")
    served.all([served.request("2001:db8::1"), served.request("2001:db8::2")])
    assert [moment for _, moment in served.moments] == [0, 1.0]


def test_unlimited_addresses_and_other_scopes_do_not_wait() -> None:
    served = Served("1/hour")
    served.all(
        [served.request(MONITORING) for _ in range(20)]
        + [served.request(ATTACKER, "lifespan") for _ in range(20)]
    )
    assert {moment for _, moment in served.moments} == {0.0}
