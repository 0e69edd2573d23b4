"""The allowance of operations: one for each user, whatever transport they use, and one for each anonymous address."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import AsyncRequestFactory

from live_inbox_graphql.operation_rate import CHARACTERS_EACH, COST_EACH, NEW_DOCUMENT
from live_inbox_graphql.view import GraphQLView
from tests.changed_settings import changed_settings
from tests.graphql.graphql_server import Client
from tests.graphql.http_client import bearer, post
from tests.graphql.own_schema import schema

ASK = {"query": "{ __typename }"}
LIST_OF_100 = {"query": "{ notifications(first: 100) { position } }"}


async def statuses(count: int, body: object, **headers: str) -> list[int]:
    return [(await post(body, **headers)).status_code for _ in range(count)]


@pytest.fixture
async def slow(configure: Callable[..., None]) -> None:
    """Allowances of ten, which practically never fill up again. What the tests ask for is known already."""
    configure(
        OPERATION_RATE="1/day burst 10",
        ANONYMOUS_OPERATION_RATE="2/day burst 5",
        SERVICE_SEND_RATE="3/day burst 20",
    )
    for number, body in enumerate((ASK, LIST_OF_100)):
        service = await User.objects.acreate(username=f"service {number}")
        token = bearer(service, "notifications:send-to-anyone", "notifications:read")
        assert await statuses(1, body, Authorization=token) == [200]


async def test_over_http(slow: None, alice: User, bob: User) -> None:
    headers = {"Authorization": bearer(alice)}
    assert await statuses(11, ASK, **headers) == [200] * 10 + [429]
    answer = await post(ASK, **headers)
    (error,) = json.loads(answer.content)["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert int(answer["Retry-After"]) >= error["extensions"]["retryAfter"] > 0
    # Nobody else notices.
    assert await statuses(1, ASK, Authorization=bearer(bob)) == [200]


async def test_a_service_has_the_rate_of_its_sends(slow: None, alice: User) -> None:
    service = {"Authorization": bearer(alice, "notifications:send-to-anyone")}
    assert await statuses(21, ASK, **service) == [200] * 20 + [429]
    # However many tokens it has.
    other = {"Authorization": bearer(alice, "notifications:send-to-anyone", "another:scope")}
    assert other != service
    assert await statuses(1, ASK, **other) == [429]


async def test_strangers_have_one_for_each_address(slow: None) -> None:
    async def status(address: str) -> int:
        request = AsyncRequestFactory().post("/graphql/", ASK, content_type="application/json")
        request.META["REMOTE_ADDR"] = address
        status: int = (await GraphQLView.as_view(schema=schema)(request)).status_code
        return status

    assert [await status("192.0.2.1") for _ in range(6)] == [200] * 5 + [429]
    assert await status("192.0.2.2") == 200


async def test_an_address_is_that_of_the_client_behind_trusted_proxies() -> None:
    async def status(address: str) -> int:
        request = AsyncRequestFactory().post(
            "/graphql/",
            {"query": "{ __typename }"},
            content_type="application/json",
            headers={"X-Forwarded-For": f"198.51.100.9, {address}"},
        )
        status: int = (await GraphQLView.as_view(schema=schema)(request)).status_code
        return status

    with changed_settings(TRUSTED_PROXIES=["1"], ANONYMOUS_OPERATION_RATE="1/day burst 3"):
        # Whatever it takes, the document is known from now on.
        assert await status("192.0.2.1") == 200
        found = [await status(f"2001:db8:77::{number}") for number in range(4)]
        assert found == [200, 200, 200, 429]
        assert await status("2001:db8:78::1") == 200
        assert [await status("127.0.0.1") for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_sockets_take_of_the_same(client: Client, alice: User) -> None:
    with changed_settings(OPERATION_RATE="1/day burst 30"):
        # Each of the two documents is new.
        await client.start("events", "subscription { notificationEvents { position } }")
        for _ in range(4):
            assert "errors" not in await client.ask("{ __typename }")
        assert await statuses(8, ASK, Authorization=bearer(alice)) == [200] * 7 + [429]
        await client.start("1", "{ __typename }")
        answer = await client.receive()
        assert (answer["id"], answer["type"]) == ("1", "error")
        assert "RATE_LIMITED" in str(answer["payload"])


async def test_a_new_document_counts_as_ten_known_ones(slow: None, alice: User) -> None:
    headers = {"Authorization": bearer(alice)}
    with changed_settings(OPERATION_RATE="1/day burst 31"):
        new = [{"query": f"{{ __typename }} # {number}"} for number in range(3)]
        assert [await statuses(1, body, **headers) for body in new] == [[200]] * 3
        assert NEW_DOCUMENT == 10
        assert await statuses(2, new[0], **headers) == [200, 429]


async def test_a_long_new_document_counts_more(slow: None, alice: User) -> None:
    headers = {"Authorization": bearer(alice)}
    with changed_settings(OPERATION_RATE="1/day burst 31"):
        new = [{"query": "{ __typename } #" + f"{n:05}" * CHARACTERS_EACH} for n in range(3)]
        assert [await statuses(1, body, **headers) for body in new] == [[200], [200], [429]]


async def test_costly_operations_count_more(slow: None, alice: User) -> None:
    headers = {"Authorization": bearer(alice)}
    assert 2000 // COST_EACH == 4
    assert await statuses(3, LIST_OF_100, **headers) == [200, 200, 429]
