"""Which hosts and which pages may open sockets, and what counts as their credentials, on both APIs."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from live_inbox.faults import RecurringFault
from live_inbox.identity.issuing import issue_token
from live_inbox.sockets import handshakes
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["/graphql/", "/ws/notifications/"]
NO_SESSION = 4403
NO_TOKEN = 4401


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[ServerThread]:
    """Serve the product."""
    with changed_settings(HOUSEKEEPING=False), ServerThread() as server:
        yield server


@pytest.fixture
def cookie() -> str:
    """The cookie of a browser in which a user has signed in."""
    browser = Browser()
    browser.force_login(User.objects.create_user("alice"))
    return f"sessionid={browser.cookies['sessionid'].value}"


@pytest.fixture
def token() -> str:
    """The token of another user."""
    return issue_token(User.objects.create_user("bob"), ttl_seconds=600)


def status(server: ServerThread, path: str, *headers: str) -> int:
    """Return the HTTP status that a handshake with these headers gets."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(connection.recv(1024).split()[1])


def graphql_user(server: ServerThread, payload: object, **headers: str) -> str | int:
    """Return as whom the server admits a client to GraphQL, or the code with which it closes the socket."""
    with connect(
        f"{server.ws}/graphql/",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        additional_headers=headers,
    ) as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        query = {"query": "{ viewer { username } }"}
        try:
            assert json.loads(connection.recv(20))["type"] == "connection_ack"
            connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": query}))
            answer = json.loads(connection.recv(20))
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return int(closed.rcvd.code)
        return str(answer["payload"]["data"]["viewer"]["username"])


def json_result(server: ServerThread, query: str, **headers: str) -> str | int:
    """Return "admitted", or the code with which the server closes a socket of the JSON API."""
    with connect(f"{server.ws}/ws/notifications/{query}", additional_headers=headers) as connection:
        try:
            connection.send('{"type": "ping"}')
            assert json.loads(connection.recv(20)) == {"type": "pong"}
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return int(closed.rcvd.code)
        return "admitted"


@pytest.mark.parametrize("path", PATHS)
class TestHosts:
    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("Host: localhost", 101),
            ("Host: LOCALHOST:8000", 101),
            ("Host: inbox.example.com", 400),
            ("Host: localhost.evil.example", 400),
            ("Host: localhost@evil.example", 400),
            ("Host: ", 400),
            ("X-Forwarded-Host: localhost\r\nHost: evil.example", 400),
        ],
    )
    def test_only_those_that_django_serves(
        self, server: ServerThread, path: str, host: str, expected: int
    ) -> None:
        assert status(server, path, host) == expected

    @pytest.mark.parametrize(
        ("hosts", "debug", "host", "expected"),
        [
            (["*"], False, "any.example", 101),
            ([".example.com"], False, "inbox.example.com", 101),
            ([], True, "inbox.localhost", 101),
            ([], True, "inbox.example.com", 400),
            ([], False, "localhost", 400),
        ],
    )
    def test_by_djangos_settings(
        self,
        server: ServerThread,
        path: str,
        settings: Settings,
        hosts: list[str],
        debug: bool,
        host: str,
        expected: int,
    ) -> None:
        settings.ALLOWED_HOSTS, settings.DEBUG = hosts, debug
        assert status(server, path, f"Host: {host}") == expected

    @pytest.mark.parametrize(
        ("proxies", "expected"), [([], 101), (["127.0.0.1"], 101), (["192.0.2.1"], 400)]
    )
    def test_a_forwarded_host_counts_as_django_says_but_of_trusted_proxies_alone(
        self,
        server: ServerThread,
        path: str,
        settings: Settings,
        proxies: list[str],
        expected: int,
    ) -> None:
        settings.USE_X_FORWARDED_HOST = True
        with changed_settings(TRUSTED_PROXIES=proxies):
            forwarded = ("Host: backend:8000", "X-Forwarded-Host: localhost")
            assert status(server, path, *forwarded) == expected

    def test_the_log_has_one_line_for_many(
        self,
        server: ServerThread,
        path: str,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(handshakes._hosts, "_logged_at", None)
        for _ in range(5):
            assert status(server, path, "Host: evil.example") == 400
        lines = [each.message for each in caplog.records if each.name == RecurringFault.__module__]
        assert len(lines) == 1
        assert "evil.example" in lines[0]


class TestPages:
    """Own origin, scheme included, and origins that are allowed. The JSON API takes no session of any page."""

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ((), 101),
            (("Origin: http://localhost",), 101),
            (("Origin: http://localhost:80",), 101),
            (("Origin: https://localhost",), 403),
            (("Origin: http://localhost:8000",), 403),
            (("Origin: http://127.0.0.1",), 403),
            (("Origin: https://evil.example",), 403),
            (("Origin: null",), 403),
            (("Origin: capacitor://localhost",), 403),
            (("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"), 403),
            (("Origin: https://localhost", "Sec-Fetch-Site: same-origin"), 101),
        ],
    )
    def test_without_settings(
        self, server: ServerThread, headers: tuple[str, ...], expected: int
    ) -> None:
        assert status(server, "/graphql/", "Host: localhost", *headers) == expected
        assert status(server, "/ws/notifications/", "Host: localhost", *headers) == 101

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            (("Host: localhost", "Origin: https://localhost"), 101),
            (("Host: localhost", "Origin: http://localhost"), 403),
            (("Host: localhost:8443", "Origin: https://localhost:8443"), 101),
            # A proxy that drops the port: `proxy_set_header Host $host` on another port than 443.
            (("Host: localhost", "Origin: https://localhost:8443"), 403),
            (
                ("Host: localhost", "X-Forwarded-Port: 8443", "Origin: https://localhost:8443"),
                101,
            ),
            (("Host: localhost", "X-Forwarded-Port: 8080", "Origin: https://localhost"), 101),
            (("Host: localhost", "X-Forwarded-Port: x", "Origin: https://localhost:8443"), 403),
        ],
    )
    def test_behind_a_proxy_that_ends_tls(
        self, server: ServerThread, headers: tuple[str, ...], expected: int
    ) -> None:
        with changed_settings(TRUSTED_PROXIES=["127.0.0.1"]):
            assert status(server, "/graphql/", "X-Forwarded-Proto: https", *headers) == expected

    @pytest.mark.parametrize(
        "proxies", [["127.0.0.1"], ["192.0.2.1"]], ids=["trusted", "not trusted"]
    )
    def test_a_forwarded_host_with_its_port(
        self, server: ServerThread, settings: Settings, proxies: list[str]
    ) -> None:
        settings.USE_X_FORWARDED_HOST = True
        headers = ("X-Forwarded-Host: localhost:8443", "Origin: http://localhost:8443")
        with changed_settings(TRUSTED_PROXIES=proxies):
            expected = 101 if proxies == ["127.0.0.1"] else 403
            assert status(server, "/graphql/", "Host: 127.0.0.1", *headers) == expected

    def test_the_scheme_of_djangos_proxy_header(
        self, server: ServerThread, settings: Settings
    ) -> None:
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_SCHEME", "https")
        secure = ("Host: localhost", "X-Scheme: https")
        assert status(server, "/graphql/", *secure, "Origin: https://localhost") == 101
        assert status(server, "/graphql/", *secure, "Origin: http://localhost") == 403

    def test_a_refusal_says_what_to_set(
        self,
        server: ServerThread,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(handshakes._origins, "_logged_at", None)
        for _ in range(3):
            headers = ("Host: localhost", "Origin: https://evil.example")
            assert status(server, "/graphql/", *headers) == 403
        (line,) = [record.message for record in caplog.records if "evil.example" in record.message]
        assert "ALLOWED_ORIGINS" in line
        assert "http://localhost" in line


APP = "capacitor://localhost"
SITE = "https://app.example.com"
WILDCARD = "https://a.b.example.org"


class TestCredentials:
    """What browsers add by themselves counts for our own pages and for allowed web sites, and a token for all."""

    @pytest.fixture(autouse=True)
    def _allowed(self) -> Iterator[None]:
        with changed_settings(ALLOWED_ORIGINS=[SITE, "https://*.example.org", APP, "null"]):
            yield

    @pytest.mark.parametrize(
        ("origin", "expected"),
        [(None, "alice"), (SITE, "alice"), (WILDCARD, "alice"), (APP, 4403), ("null", 4403)],
    )
    def test_a_session(
        self, server: ServerThread, cookie: str, origin: str | None, expected: str | int
    ) -> None:
        headers = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
        assert graphql_user(server, {}, **headers) == expected
        assert json_result(server, "", **headers) == NO_TOKEN

    @pytest.mark.parametrize("origin", [SITE, WILDCARD, APP, "null"])
    def test_a_token(self, server: ServerThread, cookie: str, token: str, origin: str) -> None:
        headers = {"Cookie": cookie, "Origin": origin}
        assert graphql_user(server, {"token": token}, **headers) == "bob"
        assert json_result(server, f"?token={token}", **headers) == "admitted"

    def test_a_token_of_a_page_that_is_not_allowed(self, server: ServerThread, token: str) -> None:
        headers = {"Origin": "https://other.example", "Authorization": f"Bearer {token}"}
        assert json_result(server, f"?token={token}", Origin="https://other.example") == "admitted"
        assert json_result(server, "", **headers) == "admitted"

    @pytest.mark.parametrize(
        ("origin", "is_admitted"), [(None, True), (SITE, True), (APP, False), ("null", False)]
    )
    def test_what_a_proxy_adds_for_the_user(
        self, server: ServerThread, cookie: str, origin: str | None, is_admitted: bool
    ) -> None:
        """An authenticator of the project takes the name from a header, as behind a proxy that authenticates."""
        headers = {"X-User": "alice"} | ({"Origin": origin} if origin else {})
        with changed_settings(
            AUTHENTICATOR="tests.identity.project_authenticators.NameInHeader",
            ALLOWED_ORIGINS=[SITE, APP, "null"],
        ):
            assert graphql_user(server, {}, **headers) == ("alice" if is_admitted else NO_SESSION)
            expected = "admitted" if is_admitted else NO_TOKEN
            assert json_result(server, "", **headers) == expected
            assert json_result(server, "", **headers | {"Origin": "https://evil.example"}) == 4401
