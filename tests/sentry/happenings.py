"""What happens to a site that reports to Sentry: by its name, a function of the server and of the user."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
from django.contrib.auth import get_user_model
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from live_inbox import metrics, signals
from live_inbox.faults import Fault
from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import GraphQLDevice, JsonDevice, Refused
from tests.both_apis.server_thread import ServerThread
from tests.sentry.reporting_site import receiver_with_a_bug

TITLE = "The-secret-title"
MESSAGE = "The-secret-message"
SEND = "mutation SendIt($input: SendInput!) { send(input: $input) { notification { id } } }"


def token_of(user_id: int) -> str:
    """Return a token of the user."""
    return issue_token(get_user_model().objects.get(pk=user_id), ttl_seconds=600)


def _post(server: ServerThread, token: str, query: str, **variables: Any) -> None:
    operation_name = "SendIt" if query == SEND else None
    httpx.post(
        f"{server.http}/graphql/",
        json={"query": query, "variables": variables, "operationName": operation_name},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )


def _read_to_the_end(connection: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for _ in connection:
            pass


def _refused_input(server: ServerThread, user_id: int) -> None:
    token = token_of(user_id)
    _post(server, token, SEND, input={"recipientId": str(user_id), "title": ""})
    for query in ("{ nothing }", "{", "subscription { notificationEvents { __typename } }"):
        _post(server, token, query)
    for device in (GraphQLDevice(server.ws, token), JsonDevice(server.ws, token)):
        with device:
            try:
                device.send(user_id, "")
            except Refused:
                continue
            raise AssertionError("it was not refused")


def _tokens_that_are_not_accepted(server: ServerThread, user_id: int) -> None:
    user = get_user_model().objects.get(pk=user_id)
    expired = issue_token(user, ttl_seconds=600, now=1_700_000_000)
    for token in (expired, "no.token.at-all", "none"):
        _post(server, token, "{ notifications(first: 1) { unreadCount } }")
        with connect(f"{server.ws}/ws/notifications/?token={token}") as opened:
            _read_to_the_end(opened)


def _clients_that_disconnect(server: ServerThread, user_id: int) -> None:
    token = token_of(user_id)
    for device in (GraphQLDevice(server.ws, token), JsonDevice(server.ws, token)):
        device.connection.socket.shutdown(socket.SHUT_RDWR)
        device.close()
    for text in ("no JSON", '{"type": "unknown"}'):
        with connect(f"{server.ws}/graphql/", subprotocols=["graphql-transport-ws"]) as opened:  # type: ignore[list-item]
            opened.send(text)
            _read_to_the_end(opened)


def _too_many_messages(server: ServerThread, user_id: int) -> None:
    with JsonDevice(server.ws, token_of(user_id)) as device:
        with suppress(ConnectionClosed):
            for _ in range(500):
                device.connection.send('{"type": "ping"}')
        _read_to_the_end(device.connection)


def _a_dependency_that_fails(server: ServerThread, user_id: int) -> None:
    fault = Fault("channel layer (publishing)", metrics.LAYER_FAULTS)
    for _ in range(3):
        fault.report(ConnectionError("Redis is away"))
    fault.recovered()


def _bug_over_http(server: ServerThread, user_id: int) -> None:
    given = {"recipientId": "90000", "title": TITLE, "message": MESSAGE}
    _post(server, token_of(user_id), SEND, input=given)


def _bug_on_a_graphql_socket(server: ServerThread, user_id: int) -> None:
    _send_with_bug(GraphQLDevice(server.ws, token_of(user_id)))


def _bug_on_a_json_socket(server: ServerThread, user_id: int) -> None:
    _send_with_bug(JsonDevice(server.ws, token_of(user_id)))


def _send_with_bug(device: GraphQLDevice | JsonDevice) -> None:
    with device:
        try:
            device.send(90000, TITLE, MESSAGE)
        except Refused:
            return
    raise AssertionError("there was no bug")


def _bug_in_a_receiver(server: ServerThread, user_id: int) -> None:
    signals.notification_sent.connect(receiver_with_a_bug)
    try:
        with JsonDevice(server.ws, token_of(user_id)) as device:
            device.send(user_id, TITLE, MESSAGE)
    finally:
        signals.notification_sent.disconnect(receiver_with_a_bug)


HAPPENINGS: dict[str, Callable[[ServerThread, int], None]] = {
    "input that is refused": _refused_input,
    "tokens that are not accepted": _tokens_that_are_not_accepted,
    "clients that disconnect": _clients_that_disconnect,
    "too many messages": _too_many_messages,
    "a dependency that fails": _a_dependency_that_fails,
    "a bug over HTTP": _bug_over_http,
    "a bug on a socket of GraphQL": _bug_on_a_graphql_socket,
    "a bug on a socket of the JSON protocol": _bug_on_a_json_socket,
    "a bug in a receiver": _bug_in_a_receiver,
}
