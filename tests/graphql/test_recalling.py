"""`recall`: what senders and others can take back."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import services
from live_inbox.models import Notification
from tests.graphql.http_client import Ask

RECALL = "mutation ($id: ID, $key: String) { recall(id: $id, idempotencyKey: $key) { recalled } }"


@pytest.fixture
def sent(alice: User, bob: User) -> Notification:
    """A notification that alice has from bob."""
    content: Any = {"recipient_id": alice.pk, "sender_id": bob.pk, "title": "x"}
    sent = services.send(**content, idempotency_key="k").notification
    assert sent is not None
    return sent


@pytest.mark.parametrize("by_key", [True, False])
async def test_senders_take_back_what_they_have_sent(
    ask: Ask, alice: User, bob: User, sent: Notification, by_key: bool
) -> None:
    named = {"key": "k"} if by_key else {"id": str(sent.pk)}
    assert await ask.data(RECALL, alice, named) == {"recalled": False}
    assert await ask.data(RECALL, bob, named) == {"recalled": True}
    assert await ask.data(RECALL, bob, named) == {"recalled": False}
    assert not await Notification.objects.aexists()


async def test_one_of_both_names_is_needed(ask: Ask, bob: User, sent: Notification) -> None:
    for named in ({}, {"id": str(sent.pk), "key": "k"}):
        (error,) = (await ask(RECALL, bob, named))["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            "BAD_USER_INPUT",
            "id",
        )
    assert await ask.data(RECALL, bob, {"id": "x"}) == {"recalled": False}


async def test_a_token_has_to_allow_sending(ask: Ask, bob: User, sent: Notification) -> None:
    answer = await ask(RECALL, bob, {"key": "k"}, "notifications:write")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert await Notification.objects.aexists()
