"""The site behind nginx as it is deployed: TLS, two servers with two workers each, PostgreSQL and Redis.

One site serves all tests. What runs of it is looked at before each of them.
"""

from __future__ import annotations

import http.client
import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from live_inbox_site import building
from tests.deployment.site import HOST, SETTINGS, WAIT_SECONDS, DeployedSite
from tests.stacks.installed_programs import find_program, how_to_get
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack

pytestmark = [pytest.mark.django_db, pytest.mark.stack("production")]

SEND = (
    "mutation ($to: ID!, $title: String!) "
    "{ send(input: {recipientId: $to, title: $title}) { notification { id } } }"
)
LIST = "{ notifications(first: 50) { position nodes { title } } }"
EVENTS = (
    "subscription { notificationEvents { position "
    "... on NotificationAdded { notification { title } } } }"
)


@pytest.fixture(scope="module")
def started(
    process_registry: ProcessRegistry, stack: Stack, django_db_setup: None
) -> Iterator[DeployedSite]:
    nginx = find_program("nginx")
    if nginx is None:
        pytest.skip(how_to_get("nginx", "nginx-light"))
    # The page at `/` needs its bundles; nothing else has to be built for a server.
    building.build()
    site = DeployedSite(process_registry, stack, nginx)
    yield site
    site.close()


@pytest.fixture
def site(started: DeployedSite) -> DeployedSite:
    """The site, all of which runs."""
    started.start()
    return started


def original(token: str) -> str:
    return f"/ws/notifications/?token={token}"


def message(door: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(door.recv(timeout=WAIT_SECONDS))
    return found


def subscribe(door: ClientConnection, token: str) -> None:
    """Subscribe on a GraphQL socket, and wait until the server has it."""
    payload = {"Authorization": f"Bearer {token}"}
    door.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert message(door)["type"] == "connection_ack"
    for key, query in (("events", EVENTS), ("viewer", "{ viewer { id } }")):
        door.send(json.dumps({"id": key, "type": "subscribe", "payload": {"query": query}}))
    assert [message(door)["id"] for _ in range(2)] == ["viewer"] * 2


def send_to_oneself(site: DeployedSite, token: str, title: str) -> str:
    """Send a notification to the user of the token; return its id."""
    viewer = site.graphql(token, "{ viewer { id } }")["viewer"]["id"]
    sent: str = site.graphql(token, SEND, to=viewer, title=title)["send"]["notification"]["id"]
    return sent


def test_both_apis(site: DeployedSite) -> None:
    token = site.token("alice")
    with (
        site.socket("/graphql/", subprotocol="graphql-transport-ws") as new,
        site.socket(original(token)) as old,
        site.stream(token, EVENTS) as stream,
    ):
        subscribe(new, token)
        old.send('{"type": "get_notifications"}')
        assert message(old)["type"] == "notifications_list"
        assert stream.status == 200
        sent = send_to_oneself(site, token, "through the proxy")

        event = message(new)["payload"]["data"]["notificationEvents"]
        assert event["notification"] == {"title": "through the proxy"}
        shown = message(old)
        assert (shown["type"], str(shown["notification"]["id"])) == ("notification", sent)
        # The proxy passes the event on at once, and does not wait for more.
        line = stream.readline()
        while b"through the proxy" not in line:
            assert line
            line = stream.readline()
    titles = [each["title"] for each in site.graphql(token, LIST)["notifications"]["nodes"]]
    assert titles == ["through the proxy"]


def test_forms_and_sockets_are_of_the_host_with_its_port(site: DeployedSite) -> None:
    source = "127.0.0.3"
    assert sign_in(site, source, origin=site.origin) == 200
    assert sign_in(site, source, origin=f"https://{HOST}") == 403
    assert sign_in(site, source, origin="https://evil.example") == 403
    status, headers, _ = site.request("GET", "/", source=source)
    assert status == 200
    assert headers["strict-transport-security"].startswith("max-age=")
    # The origin of a socket is compared, too: `site.socket` sends that of the pages.
    with site.socket("/graphql/", subprotocol="graphql-transport-ws", source=source):
        pass


def sign_in(site: DeployedSite, source: str, *, origin: str | None = None, **headers: str) -> int:
    """Post the form with a wrong password; return the status."""
    status, found, page = site.request("GET", "/sign-in/", source=source)
    assert status == 200
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page))
    cookie = found["set-cookie"].partition(";")[0]
    return site.request(
        "POST",
        "/sign-in/",
        body=f"csrfmiddlewaretoken={token}&username=nobody-{source}&password=wrong",
        source=source,
        Origin=origin or site.origin,
        Referer=f"{site.origin}/sign-in/",
        Cookie=cookie,
        Content_Type="application/x-www-form-urlencoded",
        **headers,
    )[0]


def test_limits_are_those_of_each_client(site: DeployedSite) -> None:
    # Three in an hour and three at once, in all four processes together, and whatever the client says of itself.
    statuses = [
        sign_in(site, "127.0.0.4", X_Forwarded_For=f"198.51.100.{n}", Forwarded="for=192.0.2.1")
        for n in range(14)
    ]
    assert set(statuses) == {200, 429}
    assert 3 <= statuses.count(200) <= 6
    assert sign_in(site, "127.0.0.5") == 200


def test_sockets_are_counted_for_each_client(site: DeployedSite) -> None:
    most = 4 * int(SETTINGS["MAX_SOCKETS_PER_ADDRESS"])
    with ExitStack() as opened:
        with pytest.raises(InvalidStatus) as refused:
            for _ in range(most + 1):
                opened.enter_context(
                    site.socket("/graphql/", subprotocol="graphql-transport-ws", source="127.0.0.6")
                )
        assert refused.value.response.status_code == 429
        opened.enter_context(
            site.socket("/graphql/", subprotocol="graphql-transport-ws", source="127.0.0.7")
        )


def test_what_is_for_operators_is_not_shown(site: DeployedSite) -> None:
    bearer = f"Bearer {SETTINGS['METRICS_TOKEN']}"
    for path in ("/metrics", "/readyz"):
        status, _, text = site.request("GET", path, Authorization=bearer)
        assert (status, "inbox_" in text) == (404, False)
    assert site.request("GET", "/healthz")[0] == 200


def test_who_comes_without_tls_is_sent_there(site: DeployedSite) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.proxy.plain_port, WAIT_SECONDS)
    connection.request("POST", "/graphql/?a=b", "{}", {"Host": HOST})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOST}/graphql/?a=b")
    connection.close()


def test_a_server_that_stops_is_not_noticed(site: DeployedSite) -> None:
    """Its sockets get the code of a restart and resume at the other one; no request fails."""
    token = site.token("bob")
    position = site.graphql(token, LIST)["notifications"]["position"]
    statuses: list[int] = []
    is_over = threading.Event()

    def keep_asking() -> None:
        while not is_over.is_set():
            statuses.append(
                site.request(
                    "POST",
                    "/graphql/",
                    body=json.dumps({"query": LIST}),
                    source="127.0.0.8",
                    Authorization=f"Bearer {token}",
                    Content_Type="application/json",
                )[0]
            )

    asking = threading.Thread(target=keep_asking)
    with ExitStack() as opened:
        doors = [
            opened.enter_context(site.socket(original(token), source="127.0.0.9"))
            for _ in range(12)
        ]
        for door in doors:
            door.send('{"type": "get_notifications"}')
            assert message(door)["type"] == "notifications_list"
        asking.start()
        try:
            stopping = site.server(0)
            stopping.ask_to_stop(signal.SIGTERM)
            assert stopping.wait(seconds=WAIT_SECONDS) == 0
            send_to_oneself(site, token, "while one is away")
        finally:
            is_over.set()
            asking.join()
        outcomes = [outcome(door) for door in doors]
    # The balancer has given each server some of them.
    assert set(outcomes) == {1012, "while one is away"}
    assert set(statuses) == {200}
    with site.socket("/graphql/", subprotocol="graphql-transport-ws") as back:
        payload = {"Authorization": f"Bearer {token}"}
        back.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert message(back)["type"] == "connection_ack"
        resume = EVENTS.replace("notificationEvents", f'notificationEvents(after: "{position}")')
        back.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": resume}}))
        event = message(back)["payload"]["data"]["notificationEvents"]
        assert event["notification"] == {"title": "while one is away"}


def test_a_server_that_is_back_gets_sockets_at_once(site: DeployedSite) -> None:
    """And nothing else: nginx would count it as failed for as long as none of them ends."""
    site.server(0).ask_to_stop(signal.SIGTERM)
    site.server(0).wait(seconds=WAIT_SECONDS)
    site.server(1).ask_to_stop(signal.SIGTERM)
    site.server(1).wait(seconds=WAIT_SECONDS)
    for source in ("127.0.0.10", "127.0.0.11"):
        assert site.request("GET", "/healthz", source=source)[0] == 502
    site.start()
    with ExitStack() as opened:
        for _ in range(16):
            opened.enter_context(site.socket("/graphql/", subprotocol="graphql-transport-ws"))


def outcome(door: ClientConnection) -> int | str:
    """Return the close code of a socket, or the title of what it was sent."""
    try:
        shown = message(door)
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code
    title: str = shown["notification"]["title"]
    return title


def test_no_log_has_a_token(site: DeployedSite) -> None:
    """Neither of sockets that are opened, nor of those that fail because no server is there."""
    token = site.token("carol")
    with site.socket(original(token)) as door:
        door.send('{"type": "get_notifications"}')
        assert message(door)["type"] == "notifications_list"
    site.graphql(token, LIST)
    with site.socket(original(f"{token}wrong")) as door, pytest.raises(ConnectionClosed):
        door.recv(timeout=WAIT_SECONDS)
    for number in range(2):
        site.server(number).ask_to_stop(signal.SIGTERM)
    for number in range(2):
        site.server(number).wait(seconds=WAIT_SECONDS)
    with pytest.raises(InvalidStatus) as failed, site.socket(original(token)):
        pass
    assert failed.value.response.status_code == 502
    assert site.request("GET", "/healthz")[0] == 502

    logs = site.logs()
    assert "GET /ws/notifications/ HTTP/1.1" in logs["access.log"]
    assert "GET /healthz" in logs["error.log"]
    assert all(logs[f"server-{number}.log"] for number in (1, 2))
    assert {name for name, text in logs.items() if "token=" in text or "eyJ" in text} == set()
