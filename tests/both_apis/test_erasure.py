"""Open devices when a user is erased: those of the user, and those of people whom they had sent something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from websockets.exceptions import ConnectionClosed

import live_inbox
from live_inbox import selectors, services
from live_inbox.identity.issuing import issue_token
from tests.both_apis.raw_clients import RawGraphQLClient, RawJsonClient
from tests.both_apis.server_thread import ServerThread

pytestmark = pytest.mark.django_db(transaction=True)

SELECTION = """__typename
    ... on NotificationAdded { notification { title sender { name username } actor { name } } }
    ... on NotificationUpdated { change notification { title sender { name } actor { name } editedAt } }
    ... on NotificationsDeleted { notificationIds }
    ... on InboxReset { reason unreadCount }"""


@pytest.fixture
def jane(transactional_db: None) -> Any:
    """The user who is erased."""
    return get_user_model().objects.create_user("jane", first_name="Jane")


@pytest.fixture
def olga(transactional_db: None) -> Any:
    """Somebody to whom jane has sent something."""
    return get_user_model().objects.create_user("olga")


@pytest.fixture
def sent(jane: Any, olga: Any) -> int:
    """What jane has sent to olga."""
    sent = services.send(recipient_id=olga.pk, title="Hello", sender_id=jane.pk, actor=jane)
    assert sent.notification is not None
    return sent.notification.pk


@pytest.fixture
def device_of_olga(server: ServerThread, olga: Any, sent: int) -> Iterator[RawGraphQLClient]:
    """An open device, which follows from now on."""
    with open_device(server, olga, after=position(olga)) as device:
        yield device


def open_device(server: ServerThread, user: Any, *, after: str) -> RawGraphQLClient:
    token = issue_token(user, ttl_seconds=600)
    return RawGraphQLClient(
        server.ws, token, "graphql-transport-ws", after=after, selection=SELECTION
    )


def position(user: Any) -> str:
    return str(selectors.inbox_state(user_id=user.pk).position)


def event_in(message: Any) -> Any:
    return message["payload"]["data"]["notificationEvents"]


def test_an_open_device_of_a_recipient_loses_the_name(
    device_of_olga: RawGraphQLClient, jane: Any
) -> None:
    live_inbox.erase_user(user=jane)
    assert event_in(device_of_olga.hear()) == {
        "__typename": "NotificationUpdated",
        "change": "EDITED",
        "notification": {"title": "Hello", "sender": None, "actor": None, "editedAt": None},
    }


def test_a_device_of_the_json_api_gets_the_list_without_the_name(
    server: ServerThread, jane: Any, olga: Any, sent: int
) -> None:
    with RawJsonClient(server.ws, issue_token(olga, ttl_seconds=600)) as device:
        live_inbox.erase_user(user=jane)
        message = device.hear()
    assert message["type"] == "notifications_list"
    (shown,) = message["notifications"]
    assert (shown["title"], shown.get("sender"), shown.get("actor")) == ("Hello", None, None)
    assert "jane" not in str(message).lower()


def test_a_device_that_was_away_gets_every_event_without_the_name(
    server: ServerThread, jane: Any, olga: Any, sent: int
) -> None:
    """Its position is from before the erased user had sent anything; no stream is in memory."""
    live_inbox.erase_user(user=jane)
    with open_device(server, olga, after="0") as device:
        added, edited = event_in(device.hear()), event_in(device.hear())
    assert added == {
        "__typename": "NotificationAdded",
        "notification": {"title": "Hello", "sender": None, "actor": None},
    }
    assert (edited["__typename"], edited["change"]) == ("NotificationUpdated", "EDITED")


def test_an_open_device_of_the_user_sees_the_inbox_become_empty_and_begin_anew(
    server: ServerThread, jane: Any
) -> None:
    sent = services.send(recipient_id=jane.pk, title="private").notification
    assert sent is not None
    with open_device(server, jane, after=position(jane)) as device:
        live_inbox.erase_user(user=jane)
        deleted = event_in(device.hear())
        reset = event_in(device.hear())
        live_inbox.send(recipient=jane, title="later")
        with open_device(server, jane, after=position(jane)) as again:
            live_inbox.send(recipient=jane, title="and later")
            after = event_in(again.hear())
    assert deleted == {"__typename": "NotificationsDeleted", "notificationIds": [str(sent.pk)]}
    assert reset == {"__typename": "InboxReset", "reason": "EPOCH", "unreadCount": 0}
    assert after["notification"]["title"] == "and later"


def test_devices_of_the_user_are_closed_with_the_account(server: ServerThread, jane: Any) -> None:
    with open_device(server, jane, after="0") as device:
        live_inbox.erase_user(user=jane, delete_account=True)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                device.hear()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
