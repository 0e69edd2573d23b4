"""Persisted documents, as Apollo's and urql's clients send them, and the list of allowed ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient
from graphql import GraphQLError

from live_inbox import services
from live_inbox.checks import check_settings
from live_inbox.database_threads import in_database_thread
from live_inbox_graphql.persisted_documents import PersistedDocuments, allowed_documents
from live_inbox_graphql.schema import own_schema
from tests.graphql.graphql_server import Client, GraphQLServer
from tests.graphql.http_client import bearer, post

TEXT = "query Persisted { viewer { username } }"
EVENTS = "subscription { notificationEvents { position } }"


def hashed(text: str, version: object = 1) -> dict[str, Any]:
    """Return the extensions that name a document by its hash."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"persistedQuery": {"version": version, "sha256Hash": digest}}


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_schema(), "persisted", PersistedDocuments())


async def codes(body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    """Return the status, and the data or the code of the only error."""
    answer = await post(body, **headers)
    content = json.loads(answer.content)
    return answer.status_code, (
        content["errors"][0]["extensions"]["code"] if "errors" in content else content["data"]
    )


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_client_falls_back_once(alice: User, accept: str) -> None:
    headers = {"Authorization": bearer(alice), "Accept": accept}
    alone, both = {"extensions": hashed(TEXT)}, {"query": TEXT, "extensions": hashed(TEXT)}
    assert await codes(alone, **headers) == (200, "PERSISTED_QUERY_NOT_FOUND")
    found = (200, {"viewer": {"username": "alice"}})
    assert await codes(both, **headers) == found
    assert await codes(alone, **headers) == found
    # As clients send it that put hashes into addresses, for caches.
    answer = await AsyncClient().get(
        "/graphql/", {"extensions": json.dumps(hashed(TEXT))}, headers=headers
    )
    assert json.loads(answer.content) == {"data": {"viewer": {"username": "alice"}}}


async def test_the_message_is_the_one_that_clients_compare(alice: User) -> None:
    answer = await post({"extensions": hashed(TEXT)}, Authorization=bearer(alice))
    assert json.loads(answer.content)["errors"][0]["message"] == "PersistedQueryNotFound"


@pytest.mark.parametrize(
    "persisted",
    [
        hashed(TEXT, 2)["persistedQuery"],
        {},
        {"version": 1},
        {"version": 1, "sha256Hash": 5},
        None,
        "x",
        [],
    ],
)
async def test_another_version_is_not_supported(alice: User, persisted: object) -> None:
    body = {"extensions": {"persistedQuery": persisted}}
    expected = (200, "PERSISTED_QUERY_NOT_SUPPORTED")
    assert await codes(body, Authorization=bearer(alice)) == expected


async def test_a_hash_of_something_else_is_refused(alice: User) -> None:
    body = {"query": "{ __typename }", "extensions": hashed(TEXT)}
    assert await codes(body, Authorization=bearer(alice)) == (200, "BAD_REQUEST")
    body = {"extensions": hashed(TEXT)}
    assert await codes(body, Authorization=bearer(alice)) == (200, "PERSISTED_QUERY_NOT_FOUND")


async def test_strangers_change_nothing_of_what_is_remembered() -> None:
    await post({"query": TEXT, "extensions": hashed(TEXT)})
    assert len(own_schema().persisted) == 0


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_on_a_socket_siblings_live(client: Client) -> None:
    await client.start("events", EVENTS)

    async def ask(**payload: Any) -> Any:
        await client.send({"id": "1", "type": client.start_type, "payload": payload})
        answer = await client.receive()
        assert answer["id"] == "1"
        if answer["type"] == "error":
            first = answer["payload"]
            return (first[0] if isinstance(first, list) else first)["extensions"]["code"]
        assert (await client.receive())["type"] == "complete"
        return answer["payload"]["data"]

    assert await ask(extensions=hashed(TEXT)) == "PERSISTED_QUERY_NOT_FOUND"
    assert await ask(query=None, extensions=hashed(TEXT, 2)) == "PERSISTED_QUERY_NOT_SUPPORTED"
    found = {"viewer": {"username": "alice"}}
    assert await ask(query=TEXT, extensions=hashed(TEXT)) == found
    assert await ask(query="", extensions=hashed(TEXT)) == found
    assert await ask(query="{ __typename }", extensions={"other": 1}) == {"__typename": "Query"}


@pytest.mark.parametrize("fast_path", [True], ids=["fast_path"])
async def test_a_subscription_by_its_hash(
    client: Client, graphql_server: GraphQLServer, alice: User
) -> None:
    own_schema().persisted.text(EVENTS, hashed(EVENTS), may_remember=True)
    payload = {"extensions": hashed(EVENTS)}
    await client.send({"id": "events", "type": client.start_type, "payload": payload})
    await graphql_server.until_subscribed(1)
    await in_database_thread(services.send, recipient_id=alice.pk, title="a")
    assert (await client.data("events"))["position"]


def test_memory_has_a_bound() -> None:
    documents = PersistedDocuments(max_characters=100)
    texts = [f"{{ field{number:034} }}" for number in range(5)]
    for text in texts:
        documents.text(text, hashed(text), may_remember=True)
    assert len(documents) == 2
    assert documents.text(None, hashed(texts[-1]), may_remember=True) == texts[-1]
    with pytest.raises(GraphQLError, match="PersistedQueryNotFound"):
        documents.text(None, hashed(texts[0]), may_remember=True)


class TestAllowedDocuments:
    @pytest.fixture(params=["object", "manifest"])
    def listed(
        self, request: pytest.FixtureRequest, tmp_path: Path, configure: Callable[..., None]
    ) -> None:
        """A list with one document, in each form."""
        manifest = {"format": "apollo-persisted-query-manifest", "operations": [{"body": TEXT}]}
        content = {"an id": TEXT} if request.param == "object" else manifest
        path = tmp_path / "documents.json"
        path.write_text(json.dumps(content))
        configure(ALLOWED_DOCUMENTS=str(path))

    async def test_no_other_is_executed(self, listed: None, alice: User) -> None:
        headers = {"Authorization": bearer(alice)}
        found = (200, {"viewer": {"username": "alice"}})
        refused = (200, "PERSISTED_QUERY_NOT_IN_LIST")
        assert await codes({"query": TEXT}, **headers) == found
        assert await codes({"extensions": hashed(TEXT)}, **headers) == found
        assert await codes({"query": "{ __typename }"}, **headers) == refused
        assert await codes({"extensions": hashed("{ __typename }")}, **headers) == refused
        # The hash of an allowed document does not let another pass.
        body = {"query": "{ __typename }", "extensions": hashed(TEXT)}
        assert await codes(body, **headers) == refused

    @pytest.mark.parametrize("content", ["", "[]", "5", "{}", '{"a": 1}', '{"operations": [5]}'])
    def test_a_wrong_file_is_an_error(
        self, tmp_path: Path, configure: Callable[..., None], content: str
    ) -> None:
        path = tmp_path / "documents.json"
        path.write_text(content)
        configure(ALLOWED_DOCUMENTS=str(path))
        with pytest.raises(ImproperlyConfigured, match="ALLOWED_DOCUMENTS"):
            allowed_documents()
        assert [each.id for each in check_settings(None)] == ["live_inbox.E008"]
