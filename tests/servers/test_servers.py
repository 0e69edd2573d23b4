"""Both APIs on every ASGI server: delivery, close codes, tokens in logs, and how each server stops."""

from __future__ import annotations

import json
import signal
import urllib.request
from contextlib import suppress
from http.client import HTTPResponse, IncompleteRead
from socket import create_connection
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

import live_inbox
from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Change, GraphQLDevice, JsonDevice, Socket
from tests.servers.asgi_server import SERVERS, AsgiServer
from tests.servers.conftest import StartServer
from tests.sockets.socket_server import raw_client
from tests.stacks.ports import LOOPBACK
from tests.waiting import until

pytestmark = pytest.mark.stack("embedded")

GRAPHQL_TRANSPORT_WS = Subprotocol("graphql-transport-ws")
STREAM_OPTIONS = {
    "granian": ["--workers-kill-timeout=1"],
    "gunicorn": ["--graceful-timeout=1"],
    "uvicorn": ["--timeout-graceful-shutdown=1"],
}
"""Without these, a server waits for an open stream: for ever or, gunicorn, for half a minute."""

STOP_SECONDS = 15.0
"""How long a server may take to stop. Each takes less than one, hypercorn its graceful timeout."""


def query(server: AsgiServer, token: str, text: str) -> Any:
    """Send a query over HTTP; return its data."""
    request = urllib.request.Request(
        f"{server.http}/graphql/",
        json.dumps({"query": text}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())["data"]


def close_code(connection: ClientConnection) -> int:
    """Read until the server closes the socket; return the code as a client sees it."""
    try:
        while True:
            connection.recv(timeout=STOP_SECONDS)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006


def graphql_close_code(server: AsgiServer, *messages: str) -> int:
    """Open a GraphQL socket and send messages; return the code of the close that follows."""
    address = f"{server.ws}/graphql/"
    with connect(address, subprotocols=[GRAPHQL_TRANSPORT_WS]) as connection:
        with suppress(ConnectionClosed):
            for message in messages:
                connection.send(message)
        return close_code(connection)


def refused_codes(server: AsgiServer) -> dict[str, int | str]:
    """Return the code with which each socket is closed, or the HTTP status with which it is refused."""
    bad_token = json.dumps({"type": "connection_init", "payload": {"token": "bad"}})
    pings = [json.dumps({"type": "ping"})] * 300
    with connect(f"{server.ws}/ws/notifications/?token=bad") as connection:
        json_code = close_code(connection)
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"{server.ws}/elsewhere/")
    return {
        "json, bad token": json_code,
        "graphql, bad token": graphql_close_code(server, bad_token),
        "graphql, too big": graphql_close_code(server, "x" * 70_000),
        "graphql, too many": graphql_close_code(server, *pings),
        "json, too big": json_fault(server, "x" * 70_000),
        "elsewhere": refusal.value.response.status_code,
        "host": handshake_status(server, host="evil.example"),
        "strange page": handshake_status(server, origin="https://evil.example"),
        "own page": handshake_status(server, origin=server.http),
    }


def handshake_status(server: AsgiServer, *, host: str = "", origin: str = "") -> int:
    """Return the HTTP status of a handshake for GraphQL."""
    address = f"ws://{host}/graphql/" if host else f"{server.ws}/graphql/"
    connection = create_connection((LOOPBACK, server.port))
    headers = {"Origin": origin} if origin else {}
    try:
        with connect(address, sock=connection, additional_headers=headers):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def json_fault(server: AsgiServer, message: str) -> str:
    """Send the JSON API what it does not accept; return the code of its answer. The socket stays open."""
    user = get_user_model().objects.get()
    token = issue_token(user, ttl_seconds=60)
    with connect(f"{server.ws}/ws/notifications/?token={token}") as connection:
        connection.send(message)
        return str(json.loads(connection.recv(timeout=STOP_SECONDS))["code"])


def changes_after_send(devices: list[Socket], user_id: int) -> list[Change]:
    """Send a notification from this process; return what each device receives, without the notification."""
    sent = live_inbox.send(recipient=user_id, title="From another process")
    assert sent.notification is not None
    changes = [device.next_change() for device in devices]
    assert {change.notification_id for change in changes} == {sent.notification.pk}
    return changes


def open_graphql_sockets(server: AsgiServer) -> float:
    """Return how many GraphQL sockets the server counts."""
    with urllib.request.urlopen(f"{server.http}/metrics") as response:
        lines = response.read().decode().splitlines()
    name = 'inbox_sockets{api="graphql",subprotocol="graphql-transport-ws"}'
    (count,) = [line.split()[-1] for line in lines if line.startswith(name)]
    return float(count)


def check_log(server: AsgiServer, token: str) -> None:
    """Check that nothing in the log is a token, or the remains of something that did not end in order."""
    log = server.log()
    assert token not in log
    for remains in ("was destroyed but it is pending", "never retrieved", "never awaited"):
        assert remains not in log
    assert "live_inbox" not in "".join(line for line in log.splitlines() if "Error" in line)


@pytest.mark.parametrize("name", SERVERS)
def test_both_apis_are_served(name: str, start: StartServer, alice: int, token: str) -> None:
    server = start(name)
    listed = query(server, token, "{ notifications { totalCount } }")
    assert listed == {"notifications": {"totalCount": 0}}
    codes = refused_codes(server)
    assert codes.pop("graphql, too many") in SERVERS[name].too_many_codes
    assert codes == {
        "json, bad token": 4401,
        "graphql, bad token": 4403,
        "graphql, too big": SERVERS[name].too_big_code,
        "json, too big": "MESSAGE_TOO_LARGE",
        "elsewhere": 403,
        "host": SERVERS[name].wrong_host_status,
        "strange page": 403,
        "own page": 101,
    }
    with GraphQLDevice(server.ws, token) as graphql, JsonDevice(server.ws, token) as original:
        changes = changes_after_send([graphql, original], alice)
        assert [change.what for change in changes] == ["added", "added"]
        server.child.ask_to_stop()
        stopped = {close_code(graphql.connection), close_code(original.connection)}
    assert stopped <= SERVERS[name].stop_codes
    assert server.child.wait(seconds=STOP_SECONDS) == SERVERS[name].exit_code
    check_log(server, token)


def stream(server: AsgiServer, token: str, after: str) -> HTTPResponse:
    """Ask for an event stream of the inbox's titles after a position."""
    query = """subscription ($after: String) { notificationEvents(after: $after) {
        ... on NotificationAdded { notification { title } } } }"""
    request = urllib.request.Request(
        f"{server.http}/graphql/",
        json.dumps({"query": query, "variables": {"after": "0"}}).encode(),
        {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Authorization": f"Bearer {token}",
            "Last-Event-ID": after,
        },
    )
    response = urllib.request.urlopen(request, timeout=STOP_SECONDS)
    assert isinstance(response, HTTPResponse)
    return response


def next_title(response: HTTPResponse) -> tuple[str, str]:
    """Return the id and the title of the next event of a stream."""
    fields: dict[str, str] = {}
    while "data" not in fields:
        name, _, value = response.readline().decode().strip().partition(": ")
        fields[name] = value
    event = json.loads(fields["data"])["data"]["notificationEvents"]
    return fields["id"], event["notification"]["title"]


@pytest.mark.parametrize("bypass", ["true", "false"], ids=["bypass", "django"])
@pytest.mark.parametrize("name", SERVERS)
def test_event_streams_are_served(
    name: str, bypass: str, start: StartServer, alice: int, token: str
) -> None:
    server = start(name, *STREAM_OPTIONS.get(name, ()), BYPASS_MIDDLEWARE=bypass)
    last = "0"
    for number in range(3):
        with stream(server, token, last) as response:
            assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            live_inbox.send(recipient=alice, title=f"{number} during")
            if number:
                assert next_title(response)[1] == f"{number - 1} between"
            last, title = next_title(response)
            assert title == f"{number} during"
        live_inbox.send(recipient=alice, title=f"{number} between")
    with stream(server, token, last) as response:
        assert next_title(response)[1] == "2 between"
        server.child.ask_to_stop()
        with suppress(ConnectionError, IncompleteRead):
            while response.readline():
                pass
        server.child.wait(seconds=STOP_SECONDS)
    check_log(server, token)


@pytest.mark.parametrize("name", ["hypercorn", "granian"])
async def test_a_silent_client_is_dropped_where_the_server_sends_no_pings(
    name: str, start: StartServer, token: str
) -> None:
    server = start(name, HEARTBEAT_SECONDS="0.1")
    init = {"type": "connection_init", "payload": {"token": token}}
    async with raw_client(server.port) as client:
        await client.handshake("/graphql/", subprotocol=GRAPHQL_TRANSPORT_WS)
        await client.send_text(json.dumps(init))
        received = b""
        while b"no pong" not in received:
            received += await client.receive()
        assert b'{"type":"connection_ack"}' in received
        assert b'{"type":"ping"}' in received
        # It does not answer the close either, and is not counted any more all the same.
        await until(lambda: open_graphql_sockets(server) == 0)


def test_without_lifespan_the_inbox_starts_with_the_first_socket_and_stops_with_the_loop(
    start: StartServer, alice: int, token: str
) -> None:
    server = start("uvicorn", "--lifespan=off")
    with GraphQLDevice(server.ws, token) as graphql, JsonDevice(server.ws, token) as original:
        changes = changes_after_send([graphql, original], alice)
        assert [change.what for change in changes] == ["added", "added"]
        server.child.ask_to_stop(signal.SIGINT)
        codes = {close_code(graphql.connection), close_code(original.connection)}
    assert codes == {1012}
    assert server.child.wait(seconds=STOP_SECONDS) in (0, -signal.SIGINT)
    check_log(server, token)
