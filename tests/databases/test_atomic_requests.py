"""A project with ATOMIC_REQUESTS: our views are asynchronous, and Django refuses to make such views atomic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import Client

import live_inbox
from live_inbox import database
from live_inbox.identity.issuing import issue_token
from live_inbox.models import Notification
from tests.databases.conftest import AddDatabase


@pytest.fixture(autouse=True)
def _atomic_requests(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


@pytest.mark.parametrize(
    "address", ["/", "/healthz", "/readyz", "/metrics", "/notification-inbox.js", "/graphql/"]
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_every_view_answers(client: Client, address: str, accept: str) -> None:
    answer = client.get(address, headers={"Accept": accept})
    assert answer.status_code != 500


def test_a_mutation_is_a_transaction_of_its_own() -> None:
    alice = User.objects.create_user("alice")
    client = Client(headers={"Authorization": f"Bearer {issue_token(alice, ttl_seconds=600)}"})
    send = f'send(input: {{recipientId: "{alice.pk}", title: "x"}}) {{ suppressed }}'
    query = f'mutation {{ {send} delete(id: "12345") {{ __typename }} }}'
    answer = client.post("/graphql/", {"query": query}, content_type="application/json")
    (error,) = answer.json()["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["delete"], "NOT_FOUND")
    assert Notification.objects.count() == 1


def test_the_exemption_is_for_every_database(
    add_database: AddDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for alias in ("default", add_database(ATOMIC_REQUESTS=True)):
        assert connections.settings[alias]["ATOMIC_REQUESTS"]

    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    make_atomic: Callable[..., Any] = BaseHandler().make_view_atomic
    with pytest.raises(RuntimeError, match="ATOMIC_REQUESTS with async views"):
        make_atomic(view)
    assert make_atomic(database.non_atomic(view)) is view


def test_what_a_view_of_the_project_sends_is_undone_with_its_request(
    rf: Any, django_user_model: type[User]
) -> None:
    alice = django_user_model.objects.create_user("alice")

    def view(request: HttpRequest) -> HttpResponse:
        live_inbox.send(recipient=alice, title="x")
        raise LookupError("the view fails afterwards")

    with pytest.raises(LookupError):
        BaseHandler().make_view_atomic(view)(rf.get("/"))
    assert not Notification.objects.exists()
