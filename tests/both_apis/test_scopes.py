"""What tokens with scopes may do, at both APIs, on a real server with compiled selections and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live_inbox import services
from live_inbox.identity.issuing import issue_token
from tests.both_apis.raw_clients import SUBPROTOCOLS, RawClient, RawJsonClient
from tests.both_apis.server_thread import ServerThread

pytestmark = pytest.mark.django_db(transaction=True)

READ, WRITE, SEND = "notifications:read", "notifications:write", "notifications:send"
ANYONE = "notifications:send-to-anyone"

OPERATIONS = {
    "viewer": "{ viewer { id } }",
    "list": "{ notifications { position } }",
    "preferences": "{ notificationPreferences { type } }",
    "mark": "mutation { markAllRead { count } }",
    "prefer": 'mutation { setNotificationPreference(input: {type: "a", enabled: false}) { type } }',
    "delete": 'mutation { delete(id: "%(notification)s") { unreadCount } }',
    "send": 'mutation { send(input: {recipientId: "%(alice)s", title: "x"}) { suppressed } }',
    "send to bob": 'mutation { send(input: {recipientId: "%(bob)s", title: "x"}) { suppressed } }',
}
READING = {"viewer", "list", "preferences"}
WRITING = {"mark", "prefer", "delete"}
MATRIX: list[tuple[tuple[str, ...], set[str]]] = [
    ((), READING | WRITING | {"send"}),
    (("openid",), READING | WRITING | {"send"}),
    ((READ,), READING),
    # What was marked is in the answer.
    ((WRITE,), READING | WRITING),
    ((SEND,), {"send"}),
    ((ANYONE,), {"send", "send to bob"}),
    ((READ, WRITE), READING | WRITING),
    (("notifications:admin",), READING | WRITING | {"send", "send to bob"}),
]


@pytest.fixture(scope="module")
def http(server: ServerThread) -> Iterator[httpx.Client]:
    """A client of the server, with a connection for each request.

    It costs more than the requests: it reads the certificates of all authorities.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=server.http, timeout=30, limits=limits) as client:
        yield client


def token_of(user: int, *scopes: str) -> str:
    return issue_token(User.objects.get(pk=user), ttl_seconds=600, scopes=scopes)


def document(name: str, alice: int, bob: int) -> str:
    """Return an operation; each deletes a notification of its own."""
    sent = services.send(recipient_id=alice, title="x").notification
    assert sent is not None
    query = OPERATIONS[name]
    return query % {"alice": alice, "bob": bob, "notification": sent.pk} if "%(" in query else query


@pytest.mark.parametrize(("scopes", "allowed"), MATRIX)
def test_graphql_over_http(
    scopes: tuple[str, ...], allowed: set[str], http: httpx.Client, alice: int, bob: int
) -> None:
    headers = {"Authorization": f"Bearer {token_of(alice, *scopes)}"}
    done = set()
    for name in OPERATIONS:
        asked = {"query": document(name, alice, bob)}
        answer = http.post("/graphql/", json=asked, headers=headers).json()
        if "errors" in answer:
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN", (name, error)
        else:
            done.add(name)
    assert done == allowed


@pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)
@pytest.mark.parametrize("scopes", [(READ,), (WRITE,), (SEND,), (ANYONE,)])
def test_subscriptions_need_the_scope_to_read(
    scopes: tuple[str, ...],
    subprotocol: str,
    server: ServerThread,
    http: httpx.Client,
    alice: int,
) -> None:
    start, result = SUBPROTOCOLS[subprotocol]
    asked = {"query": "{ notifications { position } }"}
    headers = {"Authorization": f"Bearer {token_of(alice)}"}
    listed = http.post("/graphql/", json=asked, headers=headers).json()
    position = listed["data"]["notifications"]["position"]
    with RawClient(f"{server.ws}/graphql/", subprotocol) as client:
        payload = {"Authorization": f"Bearer {token_of(alice, *scopes)}"}
        client.say({"type": "connection_init", "payload": payload})
        assert client.hear()["type"] == "connection_ack"
        query = f'subscription {{ notificationEvents(after: "{position}") {{ __typename }} }}'
        client.say({"id": "1", "type": start, "payload": {"query": query}})
        services.send(recipient_id=alice, title="x")
        answer = client.hear()
        assert answer["id"] == "1"
        if scopes in {(READ,), (WRITE,)}:
            assert answer["type"] == result
            assert answer["payload"] == {
                "data": {"notificationEvents": {"__typename": "NotificationAdded"}}
            }
        else:
            assert "FORBIDDEN" in str(answer["payload"])
            assert "NotificationAdded" not in str(answer)


@pytest.mark.parametrize("scopes", [(READ,), (WRITE,), (READ, WRITE), (READ, ANYONE), ()])
def test_the_json_api(scopes: tuple[str, ...], server: ServerThread, alice: int, bob: int) -> None:
    with RawJsonClient(server.ws, token_of(alice, *scopes)) as client:
        client.say({"type": "mark_all_read"})
        marked = client.hear()
        client.say({"type": "send_notification", "user_id": bob, "title": "x"})
        sent = client.hear()
        client.say({"type": "set_preference", "notification_type": "a", "enabled": False})
        preferred = client.hear()
        client.say({"type": "edit_notification", "notification_id": 1, "title": "y"})
        edited = client.hear()
        client.say({"type": "recall_notification", "notification_id": 1})
        recalled = client.hear()
        client.say({"type": "send_many", "user_ids": [bob], "title": "x"})
        sent_many = client.hear()
        client.say({"type": "start_campaign", "everybody": True, "title": "x"})
        started = client.hear()
        client.say({"type": "cancel_campaign", "campaign_id": 1})
        cancelled = client.hear()
        client.say({"type": "unsubscribe_from_topic", "topic": "a"})
        unsubscribed = client.hear()
        client.say({"type": "get_preferences"})
        assert client.hear()["type"] == "notification_preferences"
    is_writer = not scopes or WRITE in scopes
    assert marked["success"] is is_writer
    assert is_writer or marked["error"]["code"] == "FORBIDDEN"
    assert preferred["success"] is is_writer
    assert is_writer or preferred["error"]["code"] == "FORBIDDEN"
    assert unsubscribed["success"] is is_writer
    assert is_writer or unsubscribed["error"]["code"] == "FORBIDDEN"
    is_sender = not scopes or ANYONE in scopes
    assert edited["error"]["code"] == ("NOT_FOUND" if is_sender else "FORBIDDEN")
    assert recalled["success"] is is_sender
    assert is_sender or recalled["error"]["code"] == "FORBIDDEN"
    assert sent_many["success"] is is_sender
    assert is_sender or sent_many["error"]["code"] == "FORBIDDEN"
    status = "sent" if ANYONE in scopes else "forbidden"
    assert not is_sender or sent_many["results"][0]["status"] == status
    assert started["success"] is (ANYONE in scopes)
    assert ANYONE in scopes or started["error"]["code"] == "FORBIDDEN"
    assert cancelled["success"] is False or ANYONE in scopes
    assert is_sender or cancelled["error"]["code"] == "FORBIDDEN"
    assert sent["success"] is (ANYONE in scopes)
    assert ANYONE in scopes or sent["error"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("scopes", [(SEND,), (ANYONE,)])
def test_the_json_api_admits_nobody_who_may_not_read(
    scopes: tuple[str, ...], server: ServerThread, alice: int
) -> None:
    """Every connection gets the changes of the inbox."""
    address = f"{server.ws}/ws/notifications/?token={token_of(alice, *scopes)}"
    with connect(address) as client, pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_a_repeated_send_shows_what_was_sent_to_who_may_not_read(
    http: httpx.Client, alice: int, bob: int
) -> None:
    query = """mutation ($to: ID!) { send(input: {recipientId: $to, title: "x", idempotencyKey: "k"}) {
        replayed notification { id title read readAt } } }"""

    def send(recipient: int, *scopes: str) -> Any:
        headers = {"Authorization": f"Bearer {token_of(alice, *scopes)}"}
        asked = {"query": query, "variables": {"to": recipient}}
        answer = http.post("/graphql/", json=asked, headers=headers).json()
        return answer["data"]["send"]

    first = send(bob, ANYONE)
    services.mark_all_read(user_id=bob)
    for scopes in ((ANYONE,), (ANYONE, READ), ("notifications:admin",)):
        assert send(bob, *scopes) == first | {"replayed": True}
    assert first["notification"]["readAt"] is None


def test_a_repeated_send_to_oneself_shows_to_who_may_read_that_it_was_read(
    http: httpx.Client, alice: int
) -> None:
    query = """mutation ($to: ID!) { send(input: {recipientId: $to, title: "x", idempotencyKey: "k"}) {
        notification { read } } }"""
    shown = []
    for scopes in ((SEND,), (SEND,), (SEND, READ), ()):
        headers = {"Authorization": f"Bearer {token_of(alice, *scopes)}"}
        asked = {"query": query, "variables": {"to": alice}}
        answer = http.post("/graphql/", json=asked, headers=headers).json()
        shown.append(answer["data"]["send"]["notification"]["read"])
        services.mark_all_read(user_id=alice)
    assert shown == [False, False, True, True]
