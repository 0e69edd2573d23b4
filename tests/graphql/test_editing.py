"""`editNotification`: what its caller gets, and who may call it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from live_inbox import services
from live_inbox.models import Notification
from tests.graphql.http_client import Ask

EDIT = """mutation ($input: EditInput!) {
  editNotification(input: $input) {
    changed notification { id title message link data read priority expiresAt editedAt }
  }
}"""


@pytest.fixture
def sent(alice: User, bob: User) -> Notification:
    """A notification that alice has, from bob, and has read."""
    sent = services.send(
        recipient_id=alice.pk,
        sender_id=bob.pk,
        title="old",
        link="/a",
        data={"a": 1},
        idempotency_key="k",
    ).notification
    assert sent is not None
    services.mark_read(user_id=alice.pk, notification_id=sent.pk)
    return sent


@pytest.mark.parametrize("by_key", [True, False])
async def test_what_is_left_out_stays(
    ask: Ask, alice: User, bob: User, sent: Notification, by_key: bool
) -> None:
    named = {"idempotencyKey": "k"} if by_key else {"id": str(sent.pk)}
    input = named | {"title": "new", "link": None, "priority": "HIGH"}
    edited = await ask.data(EDIT, bob, {"input": input})
    row = await Notification.objects.aget()
    assert edited == {
        "changed": True,
        "notification": {
            "id": str(sent.pk),
            "title": "new",
            "message": "",
            "link": None,
            "data": {"a": 1},
            # Whether it is read is none of the sender's business.
            "read": False,
            "priority": "HIGH",
            "expiresAt": None,
            "editedAt": edited["notification"]["editedAt"],
        },
    }
    assert edited["notification"]["editedAt"] is not None
    assert (row.title, row.link, row.priority, row.read) == ("new", "", "high", True)
    again = await ask.data(EDIT, bob, {"input": input})
    assert again == edited | {"changed": False}


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"title": ""}, "BAD_USER_INPUT", "input.title"),
        ({"link": "javascript:x"}, "BAD_USER_INPUT", "input.link"),
        ({"expiresAt": "2001-01-01T00:00:00Z"}, "BAD_USER_INPUT", "input.expiresAt"),
        ({"idempotencyKey": "k"}, "BAD_USER_INPUT", "input.id"),
        ({"id": "x"}, "NOT_FOUND", None),
        ({"id": "999999999"}, "NOT_FOUND", None),
    ],
)
async def test_what_is_refused(
    ask: Ask, bob: User, sent: Notification, input: dict[str, Any], code: str, field: str | None
) -> None:
    answer = await ask(EDIT, bob, {"input": {"id": str(sent.pk), "message": "new"} | input})
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"].get("field")) == (code, field)
    row = await Notification.objects.aget()
    assert (row.title, row.message, row.edited_at) == ("old", "", None)


async def test_recipients_and_others_do_not_edit(
    ask: Ask, alice: User, bob: User, sent: Notification
) -> None:
    input = {"id": str(sent.pk), "title": "new"}
    answer = await ask(EDIT, alice, {"input": input})
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    answer = await ask(EDIT, bob, {"input": input}, "notifications:write")
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await Notification.objects.aget()).title == "old"


async def test_an_expiry_may_be_a_time_from_now_on(ask: Ask, bob: User, sent: Notification) -> None:
    def after(row: Notification) -> float:
        assert row.expires_at is not None
        return (row.expires_at - (row.edited_at or row.created_at)).total_seconds()

    named = {"id": str(sent.pk), "expiresInSeconds": 600}
    await ask.data(EDIT, bob, {"input": named})
    assert 590 < after(await Notification.objects.aget()) <= 600
    send = "mutation ($input: SendInput!) { send(input: $input) { notification { id } } }"
    own = {"recipientId": str(bob.pk), "title": "x", "expiresInSeconds": 60}
    made = await ask.data(send, bob, {"input": own})
    assert 50 < after(await Notification.objects.aget(pk=made["notification"]["id"])) <= 60
    for query, input in ((EDIT, named), (send, own)):
        for wrong in ({"expiresInSeconds": 0}, {"expiresAt": "2100-01-01T00:00:00Z"}):
            (error,) = (await ask(query, bob, {"input": input | wrong}))["errors"]
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["extensions"]["field"] == "input.expiresInSeconds"
