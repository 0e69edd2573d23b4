"""Requests of crowds begin one after the other; a few of each user begin at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from live_inbox.client_addresses import parse_networks
from live_inbox.identity.callers import known_tokens
from live_inbox.identity.config import identity_config
from live_inbox.identity.tokens import VerifiedToken
from live_inbox.identity.verification import announce_verified
from live_inbox.sockets.known_addresses import known_addresses
from live_inbox_site.request_turns import FLOOR_SECONDS, MOST, MOST_AT_ONCE, RequestTurns
from tests.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.stack("embedded")

STREAM = b"text/event-stream"

ATTACKER, OTHER, MONITORING = "192.0.2.1", "192.0.2.2", "10.0.0.9"


class Served:
    """An application behind the turns, on virtual time. Each of its requests takes so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.loop = VirtualTimeLoop()
        self.begun: list[tuple[str, float]] = []
        """Each request that the application got: who sent it, and when."""
        self.seconds = seconds
        self.kind = b"application/json"
        """The type of its responses."""
        self.verifies = False
        """Whether it finds the token of each request to be valid."""
        self.turn = 0
        """The turn of the event loop."""
        self.turns: list[int] = []
        """In which turn each began."""
        self.application = RequestTurns(self._serve, parse_networks(["10.0.0.0/8"]))

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.append((scope["client"][0], round(self.loop.time(), 3)))
        self.turns.append(self.turn)
        headers = [(b"content-type", self.kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if self.verifies:
            announce_verified()
        if self.seconds:
            await asyncio.sleep(self.seconds)

    async def request(
        self, address: str, token: str = "", kind: str = "http", accept: bytes = b"*/*"
    ) -> None:
        """Make a request."""
        headers = [(b"accept", accept)]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        scope = {"type": kind, "client": (address, 1), "headers": headers}

        async def send(message: Any) -> None:
            pass

        await self.application(scope, None, send)  # type: ignore[arg-type]  # not called

    def all(self, requests: list[Coroutine[Any, Any, None]], until: float | None = None) -> None:
        """Make requests at once, and wait for their ends, or for a time."""

        def count() -> None:
            self.turn += 1
            self.loop.call_soon(count)

        async def gather() -> None:
            tasks = [asyncio.ensure_future(request) for request in requests]
            if until is None:
                await asyncio.gather(*tasks)
            else:
                await asyncio.sleep(until)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        if until is None and not self.seconds:
            self.loop.call_soon(count)
        self.loop.run_until_complete(gather())
        self.loop.close()

    @property
    def order(self) -> list[str]:
        """Who sent the requests, in the order in which they began."""
        return [who for who, _ in self.begun]


@pytest.fixture
def token() -> Iterator[str]:
    """A token that was verified a moment ago."""
    tokens = known_tokens(identity_config().tokens)
    tokens.put("known", VerifiedToken("7", frozenset(), None, 1e12), "7")
    yield "known"
    tokens.forget("known")


def test_one_begins_in_each_turn_of_the_loop() -> None:
    served = Served()
    served.all([served.request(ATTACKER) for _ in range(20)])
    assert len(served.turns) == 20
    assert all(
        later > earlier for earlier, later in zip(served.turns, served.turns[1:], strict=False)
    )


def test_requests_with_valid_tokens_wait_for_their_accounts_together() -> None:
    served = Served(seconds=0.001)
    served.verifies = True
    served.all([served.request(OTHER) for _ in range(50)])
    assert served.begun == [(OTHER, 0.0)] * 50


def test_addresses_take_turns() -> None:
    served = Served()
    attack = [served.request(ATTACKER) for _ in range(20)]
    served.all([*attack, *(served.request(OTHER) for _ in range(3))])
    assert served.order[:7] == [ATTACKER, ATTACKER, OTHER, ATTACKER, OTHER, ATTACKER, OTHER]


def test_a_few_of_each_user_begin_at_once(token: str) -> None:
    served = Served(seconds=1)
    served.all([served.request(OTHER, token) for _ in range(MOST_AT_ONCE)])
    assert served.begun == [(OTHER, 0.0)] * MOST_AT_ONCE


def test_the_address_of_a_user_is_known_afterwards(token: str) -> None:
    known_addresses.cache_clear()
    served = Served()
    served.all(
        [
            served.request(ATTACKER, "unknown"),
            served.request(OTHER, token),
            served.request(MONITORING, token),
        ]
    )
    known = known_addresses()
    assert [each in known for each in (ATTACKER, OTHER, MONITORING)] == [False, True, False]


def test_more_of_a_user_take_turns(token: str) -> None:
    served = Served(seconds=1)
    served.all([served.request(OTHER, token) for _ in range(MOST_AT_ONCE + 2)])
    moments = [moment for _, moment in served.begun]
    # Others of the same user are served, so that only the floor lets them begin.
    assert moments[MOST_AT_ONCE:] == [0.0, FLOOR_SECONDS]


def test_none_begins_while_a_user_is_served_but_for_the_floor(token: str) -> None:
    served = Served(seconds=1)
    user = served.request(OTHER, token)
    served.all([user, *(served.request(ATTACKER) for _ in range(4))])
    assert served.begun[0] == (OTHER, 0.0)
    assert served.begun[1:] == [(ATTACKER, number * FLOOR_SECONDS) for number in range(4)]


def test_few_are_under_way_at_a_time() -> None:
    served = Served(seconds=FLOOR_SECONDS / 2)
    addresses = [f"192.0.2.{number}" for number in range(40)]
    served.all([served.request(address) for address in addresses])
    assert served.order == addresses
    assert [moment for _, moment in served.begun[:MOST]] == [0.0] * MOST
    assert served.begun[MOST][1] == FLOOR_SECONDS / 2


def test_slow_requests_do_not_hold_up_others_for_long() -> None:
    served = Served(seconds=60)
    served.all([served.request(f"192.0.2.{number}") for number in range(MOST + 50)], until=1.5)
    assert len(served.begun) == MOST + 50
    assert served.begun[-1][1] == pytest.approx(50 * FLOOR_SECONDS)


def test_who_has_gone_takes_no_turn() -> None:
    served = Served(seconds=60)
    served.all([served.request(ATTACKER) for _ in range(500)], until=0.1)
    assert len(served.begun) < 20
    turns = served.application
    assert (turns._under_way, turns._at_once) == ({}, {})


def test_who_asks_for_a_stream_takes_turns() -> None:
    served = Served()
    served.all([served.request(ATTACKER, accept=STREAM) for _ in range(20)])
    assert len(set(served.turns)) == 20


def test_what_is_no_stream_is_under_way_until_its_end() -> None:
    served = Served(seconds=60)
    crowd = [served.request(f"192.0.2.{number}", accept=STREAM) for number in range(MOST + 2)]
    served.all(crowd, until=1)
    assert [moment for _, moment in served.begun[MOST:]] == [FLOOR_SECONDS, 2 * FLOOR_SECONDS]


@pytest.mark.parametrize("known", ["", "known"])
def test_a_stream_is_not_under_way_once_it_has_begun(token: str, known: str) -> None:
    served = Served(seconds=60)
    served.kind = STREAM
    streams = [served.request(ATTACKER, known, accept=STREAM) for _ in range(MOST + 2)]
    served.all([*streams, served.request(OTHER)], until=1)
    assert sorted(served.begun) == [(ATTACKER, 0.0)] * (MOST + 2) + [(OTHER, 0.0)]
    turns = served.application
    assert (turns._under_way, turns._at_once) == ({}, {})


def test_thousands_who_have_gone_hold_up_nobody() -> None:
    served = Served(seconds=60)

    async def leave() -> None:
        crowd = [asyncio.ensure_future(served.request(ATTACKER)) for _ in range(5000)]
        await asyncio.sleep(0)
        last = asyncio.ensure_future(served.request(OTHER))
        await asyncio.sleep(0)
        for each in crowd:
            each.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        await asyncio.sleep(60 * FLOOR_SECONDS)
        last.cancel()

    served.loop.run_until_complete(leave())
    served.loop.close()
    assert OTHER in served.order
    assert not served.application._waiting


def test_unlimited_addresses_and_sockets_begin_at_once() -> None:
    served = Served(seconds=1)
    requests = [served.request(MONITORING) for _ in range(20)]
    requests += [served.request(ATTACKER, kind="websocket") for _ in range(20)]
    served.all(requests)
    assert {moment for _, moment in served.begun} == {0.0}


def test_a_token_that_nobody_has_verified_is_nothing(token: str) -> None:
    served = Served(seconds=1)
    requests = [served.request(ATTACKER, f"made-up-{number}") for number in range(3)]
    served.all([served.request(OTHER, token), *requests])
    assert served.begun[0] == (OTHER, 0.0)
    assert [moment for _, moment in served.begun[1:]] == [0.0, FLOOR_SECONDS, 2 * FLOOR_SECONDS]
