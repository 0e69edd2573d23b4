"""Who may open a socket, and for how long, on each subprotocol."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import AsyncClient as AsyncBrowser
from django.test import Client as Browser
from pytest_django import Settings
from websockets.exceptions import InvalidStatus

from live_inbox.database_threads import in_database_thread
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from tests.graphql.graphql_server import GRAPHQL_WS, Client, Closed, GraphQLServer
from tests.graphql.http_client import bearer
from tests.waiting import until

VIEWER = "{ viewer { username } }"


async def name_of(client: Client) -> str:
    """Return who the server thinks is there."""
    answer = await client.ask(VIEWER)
    name: str = answer["data"]["viewer"]["username"]
    return name


async def refused(client: Client, payload: object, error: dict[str, Any]) -> Closed:
    """Introduce oneself in vain; the older subprotocol says why before it closes."""
    await client.send({"type": "connection_init", "payload": payload})
    if client.connection.subprotocol == GRAPHQL_WS:
        assert await client.receive() == {"type": "connection_error", "payload": error}
    return await client.closed()


@pytest.mark.parametrize("key", ["Authorization", "authorization", "token", "authToken"])
@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "{}", "JWT {}"])
async def test_a_token_in_the_init_payload(
    graphql_server: GraphQLServer, alice: User, subprotocol: str, key: str, form: str
) -> None:
    client = await graphql_server.open(subprotocol)
    await client.init({key: form.format(issue_token(alice, ttl_seconds=60))})
    assert await name_of(client) == "alice"


async def test_a_token_in_the_headers_of_the_payload(
    graphql_server: GraphQLServer, alice: User, subprotocol: str
) -> None:
    client = await graphql_server.open(subprotocol)
    await client.init({"headers": {"Authorization": bearer(alice)}})
    assert await name_of(client) == "alice"


async def test_a_token_in_the_handshake(
    graphql_server: GraphQLServer, alice: User, subprotocol: str
) -> None:
    client = await graphql_server.open(subprotocol, headers={"Authorization": bearer(alice)})
    await client.init()
    assert await name_of(client) == "alice"


async def test_the_payload_counts_more_than_the_handshake(
    graphql_server: GraphQLServer, alice: User, bob: User, subprotocol: str
) -> None:
    client = await graphql_server.open(subprotocol, headers={"Authorization": bearer(alice)})
    await client.init({"Authorization": bearer(bob)})
    assert await name_of(client) == "bob"


@pytest.mark.parametrize(
    ("payload", "reason", "message"),
    [
        (None, "missing", "Authentication is required."),
        ({}, "missing", "Authentication is required."),
        ({"Authorization": ""}, "missing", "Authentication is required."),
        ({"Authorization": None}, "missing", "Authentication is required."),
        ({"Authorization": "Bearer nonsense"}, "malformed", "The token is malformed."),
        ({"token": "x" * 9000}, "malformed", "The token is malformed."),
    ],
)
async def test_without_a_good_token_it_is_closed_with_4403(
    graphql_server: GraphQLServer, subprotocol: str, payload: Any, reason: str, message: str
) -> None:
    client = await graphql_server.open(subprotocol)
    error = {
        "message": message,
        "extensions": {"code": "UNAUTHENTICATED", "reason": reason},
    }
    assert await refused(client, payload, error) == Closed(4403, f"Forbidden: {reason}")


async def test_a_token_that_has_expired_is_closed_with_4403(
    graphql_server: GraphQLServer, alice: User, subprotocol: str
) -> None:
    token = issue_token(alice, ttl_seconds=60, now=time.time() - 3600)
    client = await graphql_server.open(subprotocol)
    await client.send({"type": "connection_init", "payload": {"token": token}})
    assert await client.closed() == Closed(4403, "Forbidden: expired")


async def test_when_keys_are_out_of_reach_clients_are_to_try_again(
    graphql_server: GraphQLServer, subprotocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(token: str) -> None:
        raise AuthenticationFailed(Reason.KEYS_UNAVAILABLE)

    monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", fail)
    client = await graphql_server.open(subprotocol)
    await client.send({"type": "connection_init", "payload": {"token": "x.y.z"}})
    assert await client.closed() == Closed(1013, "Try again later: keys_unavailable")


async def test_when_it_takes_too_long_clients_are_to_try_again(
    graphql_server: GraphQLServer, subprotocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(token: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", hang)
    graphql_server.options["init_seconds"] = 0.05
    client = await graphql_server.open(subprotocol)
    await client.send({"type": "connection_init", "payload": {"token": "x.y.z"}})
    assert await client.closed() == Closed(1013, "Try again later: timeout")


async def test_when_it_cannot_be_found_out_clients_are_to_try_again(
    graphql_server: GraphQLServer,
    subprotocol: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(token: str) -> None:
        raise ConnectionError("the database is away")

    monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", fail)
    client = await graphql_server.open(subprotocol)
    await client.send({"type": "connection_init", "payload": {"token": "x.y.z"}})
    assert await client.closed() == Closed(1013, "Try again later: internal error")
    assert "the database is away" in caplog.text


class TestSessions:
    @pytest.fixture
    def cookie(self, alice: User) -> str:
        """The cookie of a browser in which alice has signed in."""
        browser = Browser()
        browser.force_login(alice)
        return f"theme=dark; sessionid={browser.cookies['sessionid'].value}"

    async def test_a_session_is_good_enough(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str
    ) -> None:
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.init()
        assert await name_of(client) == "alice"

    async def test_a_token_counts_more(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str, bob: User
    ) -> None:
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.init({"token": bearer(bob)})
        assert await name_of(client) == "bob"

    async def test_a_bad_token_does_not_fall_back_on_it(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str
    ) -> None:
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.send({"type": "connection_init", "payload": {"token": "nonsense"}})
        assert await client.closed() == Closed(4403, "Forbidden: malformed")

    @pytest.mark.parametrize("cookie", ["sessionid=nothing", "sessionid=", "x"])
    async def test_a_session_that_is_none(
        self, graphql_server: GraphQLServer, transactional_db: None, subprotocol: str, cookie: str
    ) -> None:
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.send({"type": "connection_init"})
        assert await client.closed() == Closed(4403, "Forbidden: missing")

    async def test_of_a_deactivated_user(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str, alice: User
    ) -> None:
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.send({"type": "connection_init"})
        assert (await client.closed()).code == 4403

    async def test_another_password_closes_the_socket(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str, alice: User
    ) -> None:
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.init()
        alice.set_password("another")
        await alice.asave()
        await graphql_server.admissions.check()
        assert await client.closed() == Closed(4403, "Forbidden: revoked")

    async def test_a_session_of_an_earlier_secret_key_is_accepted_and_stays(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str, settings: Settings
    ) -> None:
        """The browser has the old cookie still, and keeps it until its next request over HTTP."""
        earlier = settings.SECRET_KEY
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another " * 8, [earlier]
        for _ in range(2):
            client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
            await client.init()
            assert await name_of(client) == "alice"
        browser = AsyncBrowser()
        browser.cookies.load(cookie)
        before = browser.cookies["sessionid"].value
        answer = await browser.get("/graphql/", {"query": VIEWER})
        assert answer.json() == {"data": {"viewer": {"username": "alice"}}}
        assert browser.cookies["sessionid"].value not in ("", before)

    async def test_a_session_of_a_forgotten_secret_key_is_refused_but_not_deleted(
        self, graphql_server: GraphQLServer, subprotocol: str, cookie: str, settings: Settings
    ) -> None:
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another " * 8, []
        client = await graphql_server.open(subprotocol, headers={"Cookie": cookie})
        await client.send({"type": "connection_init"})
        assert await client.closed() == Closed(4403, "Forbidden: missing")
        assert await Session.objects.acount() == 1

    @pytest.mark.parametrize("missing", ["SessionMiddleware", "AuthenticationMiddleware"])
    async def test_a_project_without_sessions_takes_tokens_only(
        self,
        graphql_server: GraphQLServer,
        cookie: str,
        settings: Settings,
        missing: str,
        alice: User,
    ) -> None:
        """The admin demands both, so all that stands on them goes, too."""
        gone = ("SessionMiddleware", "AuthenticationMiddleware", "MessageMiddleware")
        settings.MIDDLEWARE = [
            path
            for path in settings.MIDDLEWARE
            if not path.endswith(gone if missing == "SessionMiddleware" else gone[1:])
        ]
        client = await graphql_server.open(headers={"Cookie": cookie})
        await client.send({"type": "connection_init"})
        assert await client.closed() == Closed(4403, "Forbidden: missing")
        browser = AsyncBrowser()
        browser.cookies.load(cookie)
        anonymous = await browser.get("/graphql/", {"query": VIEWER})
        assert anonymous.json()["errors"][0]["extensions"]["reason"] == "missing"
        headers = {"Authorization": bearer(alice)}
        answer = await browser.get("/graphql/", {"query": VIEWER}, headers=headers)
        assert answer.json() == {"data": {"viewer": {"username": "alice"}}}


class TestOrigins:
    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
    async def test_a_page_of_another_origin_gets_no_socket(
        self, graphql_server: GraphQLServer, origin: str
    ) -> None:
        with pytest.raises(InvalidStatus) as caught:
            await graphql_server.open(headers={"Origin": origin})
        assert caught.value.response.status_code == 403

    async def test_a_page_of_our_own_does(self, graphql_server: GraphQLServer, alice: User) -> None:
        client = await graphql_server.open(
            headers={"Origin": f"http://127.0.0.1:{graphql_server.port}"}
        )
        await client.init({"token": bearer(alice)})

    async def test_so_does_a_page_of_an_origin_that_is_allowed(
        self, graphql_server: GraphQLServer, alice: User, configure: Any
    ) -> None:
        configure(ALLOWED_ORIGINS="https://app.example.com")
        client = await graphql_server.open(headers={"Origin": "https://app.example.com"})
        await client.init({"token": bearer(alice)})


class TestEnds:
    """A socket lives no longer than whoever opened it may be here; clients come back after 4403."""

    async def test_when_the_token_expires(
        self, graphql_server: GraphQLServer, client: Client
    ) -> None:
        await client.start("1", "subscription { notificationEvents { position } }")
        await graphql_server.until_subscribed(1)
        graphql_server.clock.ahead = 590
        graphql_server.admissions.end_expired()
        assert await name_of(client) == "alice"
        graphql_server.clock.ahead = 620
        graphql_server.admissions.end_expired()
        assert await client.closed() == Closed(4403, "Forbidden: expired")
        await graphql_server.until_subscribed(0)
        assert len(graphql_server.admissions) == 0

    async def test_when_tokens_are_revoked(
        self, graphql_server: GraphQLServer, client: Client, alice: User
    ) -> None:
        await in_database_thread(revoke_tokens, user_id=alice.pk)
        await graphql_server.admissions.check()
        assert await client.closed() == Closed(4403, "Forbidden: revoked")

    async def test_when_the_user_is_deactivated(
        self, graphql_server: GraphQLServer, client: Client, alice: User
    ) -> None:
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        await graphql_server.admissions.check()
        assert await client.closed() == Closed(4403, "Forbidden: deactivated")

    async def test_a_socket_that_is_gone_is_forgotten(
        self, graphql_server: GraphQLServer, client: Client
    ) -> None:
        assert len(graphql_server.admissions) == 1
        await client.connection.close()
        await until(lambda: len(graphql_server.admissions) == 0)

    async def test_what_a_user_may_do_is_looked_at_anew(
        self, client: Client, alice: User, bob: User
    ) -> None:
        query = "mutation($input: SendInput!) { send(input: $input) { suppressed } }"
        variables = {"input": {"recipientId": str(bob.pk), "title": "x"}}

        async def code() -> str | None:
            answer = await client.ask(query, variables)
            errors = answer.get("errors")
            return None if errors is None else errors[0]["extensions"]["code"]

        assert await code() == "FORBIDDEN"
        await User.objects.filter(pk=alice.pk).aupdate(is_superuser=True)
        assert await code() is None
        await User.objects.filter(pk=alice.pk).aupdate(is_superuser=False)
        assert await code() == "FORBIDDEN"
        await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
        assert await code() == "UNAUTHENTICATED"

    async def test_who_one_is_is_looked_at_anew(self, client: Client, alice: User) -> None:
        assert await name_of(client) == "alice"
        await User.objects.filter(pk=alice.pk).aupdate(username="alicia")
        assert await name_of(client) == "alicia"


async def test_while_the_database_is_away_clients_are_to_try_again(
    graphql_server: GraphQLServer,
    subprotocol: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(token: str) -> None:
        raise OperationalError("terminating connection")

    monkeypatch.setattr("live_inbox.identity.authenticators.authenticate", fail)
    client = await graphql_server.open(subprotocol)
    await client.send({"type": "connection_init", "payload": {"token": "x.y.z"}})
    assert await client.closed() == Closed(1013, "Try again later: database_unavailable")
    # Every client has that, and many come back: not a traceback for each.
    assert "Traceback" not in caplog.text
