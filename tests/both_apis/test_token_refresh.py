"""A socket of either API that is given a fresh token, and one that is warned before its token expires."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import httpx
import jwt
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from websockets.exceptions import ConnectionClosed

from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import Socket
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.django_db(transaction=True)

AUTHENTICATOR = "tests.identity.project_authenticators.HeaderBeforeToken"
REFRESH = "mutation ($token: String!) { refreshToken(token: $token) { expiresAt } }"


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[ServerThread]:
    """A server without leeway, so that a token expires soon. Checks of open sockets do not come in time."""
    with (
        changed_settings(HOUSEKEEPING=False, SESSION_CHECK_SECONDS=300, JWT_LEEWAY_SECONDS=0),
        ServerThread() as running,
    ):
        yield running


class Client:
    """A socket of one API."""

    def __init__(
        self,
        server: ServerThread,
        api: str,
        token: str,
        *,
        warned: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.api = api
        if api == "json":
            query = f"token={token}" + ("&expiry_warning=true" if warned else "")
            self.socket = Socket(f"{server.ws}/ws/notifications/?{query}", headers=headers)
            return
        subprotocol = {"graphql": "graphql-transport-ws", "older": "graphql-ws"}[api]
        self.socket = Socket(f"{server.ws}/graphql/", subprotocol, headers=headers)
        asked = {"token": token} | ({"expiryWarning": True} if warned else {})
        self.socket.send_json({"type": "connection_init", "payload": asked})
        assert self.receive("connection_ack")

    def receive(self, *types: str) -> Any:
        while (message := self.socket.receive())["type"] not in types:
            assert message["type"] in ("ka", "ping"), message
        return message

    def refresh(self, token: str) -> str | None:
        """Return when the socket expires now; None if the token was refused."""
        if self.api == "json":
            self.socket.send_json({"type": "refresh_token", "token": token})
            answer = self.receive("token_refreshed")
            self.reason = answer.get("error", {}).get("reason")
            return answer.get("expires_at") if answer["success"] else None
        kind = "subscribe" if self.api == "graphql" else "start"
        payload = {"query": REFRESH, "variables": {"token": token}}
        self.socket.send_json({"id": "1", "type": kind, "payload": payload})
        answer = self.receive("next", "data")["payload"]
        assert self.receive("complete")
        if answer["data"] is None:
            self.reason = answer["errors"][0]["extensions"]["reason"]
            return None
        expires_at: str = answer["data"]["refreshToken"]["expiresAt"]
        return expires_at

    def warning(self) -> str:
        """Wait for the warning, and return the moment in it."""
        if self.api == "json":
            return str(self.receive("token_expiring")["expires_at"])
        while "payload" not in (message := self.receive("ping", "ka")):
            pass
        return str(message["payload"]["expiresAt"])


@pytest.fixture(params=["graphql", "older", "json"])
def open_client(request: pytest.FixtureRequest, server: ServerThread) -> Iterator[Any]:
    with ExitStack() as opened:

        def open_(token: str, **options: Any) -> Client:
            client = Client(server, request.param, token, **options)
            opened.callback(client.socket.close)
            return client

        yield open_


def token_of(key: int, *, seconds: float = 600) -> str:
    return issue_token(User.objects.get(pk=key), ttl_seconds=seconds)


def revoke(key: int, token: str) -> None:
    token_id = jwt.decode(token, options={"verify_signature": False})["jti"]
    call_command("revoke_tokens", user=str(key), token_id=token_id, verbosity=0)


def close_code(client: Client) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.socket.receive()
    return None if closed.value.rcvd is None else closed.value.rcvd.code


def test_a_fresh_token_takes_the_place_of_the_first(open_client: Any, alice: int) -> None:
    first, fresh = token_of(alice), token_of(alice, seconds=1200)
    client = open_client(first)
    assert client.refresh(fresh) is not None
    revoke(alice, first)
    assert client.refresh(fresh) is not None
    revoke(alice, fresh)
    assert close_code(client) == 4403


def test_a_socket_outlives_its_first_token(open_client: Any, alice: int) -> None:
    client = open_client(token_of(alice, seconds=3), warned=True)
    warned_of = client.warning()
    refreshed = client.refresh(token_of(alice, seconds=4))
    assert refreshed is not None
    # The next warning is about the fresh token; only after it comes the end.
    assert warned_of < client.warning()
    assert close_code(client) == 4403


def test_other_tokens_are_refused_and_change_nothing(
    open_client: Any, server: ServerThread, alice: int, bob: int
) -> None:
    revoked = token_of(alice)
    revoke(alice, revoked)
    client = open_client(token_of(alice))
    send_only = issue_token(
        User.objects.get(pk=alice), ttl_seconds=600, scopes=["notifications:send"]
    )
    refused = {
        "other_user": token_of(bob),
        "revoked": revoked,
        "missing": "",
        "scope": send_only,
    }
    for reason, token in refused.items():
        assert client.refresh(token) is None
        assert client.reason == reason
    assert client.refresh(token_of(alice)) is not None


def test_the_fresh_token_counts_and_not_a_header_of_the_handshake(
    open_client: Any, alice: int, bob: int
) -> None:
    with changed_settings(AUTHENTICATOR=AUTHENTICATOR):
        client = open_client("", headers={"X-Session-Token": "alice:60"})
        refreshed = client.refresh("alice:600")
        assert refreshed is not None
        assert datetime.fromisoformat(refreshed).timestamp() > time.time() + 300
        for reason, token in {"other_user": "bob:600", "unknown_user": "carol:600"}.items():
            assert client.refresh(token) is None
            assert client.reason == reason


def test_a_client_that_did_not_ask_is_not_warned(open_client: Any, alice: int) -> None:
    client = open_client(token_of(alice, seconds=1))
    with pytest.raises(ConnectionClosed):
        while "payload" not in (message := client.socket.receive()):
            assert message["type"] in ("ping", "ka")


def test_a_request_over_http_has_nothing_to_extend(server: ServerThread, alice: int) -> None:
    token = token_of(alice)
    asked = {"query": REFRESH, "variables": {"token": token}}
    header = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{server.http}/graphql/", json=asked, headers=header, timeout=60).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
