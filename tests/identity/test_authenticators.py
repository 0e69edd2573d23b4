"""The setting AUTHENTICATOR: a project's own way to find the caller, at both APIs and over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live_inbox.checks import check_settings
from live_inbox.database_threads import in_database_thread
from live_inbox.identity.admissions import AccessEnd
from live_inbox.identity.authenticators import Credentials, required_caller
from live_inbox.identity.callers import build_admissions
from live_inbox.identity.config import identity_config
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.revocation import revoke_token, revoke_tokens
from live_inbox.models import TokenRevocation
from tests.both_apis.devices import GraphQLDevice, JsonDevice, Socket
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings

HERE = "tests.identity.project_authenticators"
VIEWER = {"query": "{ viewer { username } }"}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[ServerThread]:
    """The product on the test database. It reads the authenticator for each socket."""
    with changed_settings(HOUSEKEEPING=False), ServerThread() as server:
        yield server


@pytest.fixture(autouse=True)
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice")


def close_code(socket: Socket) -> int | None:
    """Return the code with which the server closes a socket."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.receive()
    return None if closed.value.rcvd is None else closed.value.rcvd.code


async def viewer(cookies: Any = None, **headers: str) -> Any:
    """Ask over HTTP who the caller is; return the status and the name or the code of the error."""
    browser = AsyncClient(enforce_csrf_checks=True)
    browser.cookies.load(dict(cookies or {}))
    answer = await browser.post(
        "/graphql/", VIEWER, content_type="application/json", headers=headers
    )
    body = json.loads(answer.content)
    if body.get("data") is None:
        return answer.status_code, body["errors"][0]["extensions"]["code"]
    return answer.status_code, body["data"]["viewer"]["username"]


@pytest.fixture
def name_is_token() -> Iterator[None]:
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameIsToken"):
        yield


@pytest.mark.usefixtures("name_is_token")
def test_both_apis_and_http_take_what_the_project_takes(server: ServerThread) -> None:
    with GraphQLDevice(server.ws, "alice") as graphql, JsonDevice(server.ws, "alice") as original:
        sent = original.send(User.objects.get().pk, "hello")
        assert graphql.next_change().notification_id == sent


@pytest.mark.usefixtures("name_is_token")
async def test_http_takes_it_in_any_scheme_of_a_token() -> None:
    assert await viewer(Authorization="Bearer alice") == (200, "alice")
    assert await viewer(Authorization="Token alice") == (200, "alice")
    assert await viewer(Authorization="Bearer bob") == (401, "UNAUTHENTICATED")
    assert await viewer() == (200, "UNAUTHENTICATED")


@pytest.mark.usefixtures("name_is_token")
@pytest.mark.parametrize("token", ["bob", ""])
def test_a_client_that_the_project_does_not_take_is_closed(
    server: ServerThread, token: str
) -> None:
    with Socket(f"{server.ws}/ws/notifications/?token={token}") as original:
        assert close_code(original) == 4401
    with Socket(f"{server.ws}/graphql/", "graphql-transport-ws") as graphql:
        graphql.send_json({"type": "connection_init", "payload": {"token": token}})
        assert close_code(graphql) == 4403


@pytest.mark.usefixtures("name_is_token")
async def test_an_inactive_user_is_refused_whatever_the_authenticator_says(alice: User) -> None:
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    assert await viewer(Authorization="Bearer alice") == (401, "UNAUTHENTICATED")


async def test_a_revocation_ends_what_was_admitted_before_it(alice: User) -> None:
    ended: list[AccessEnd] = []
    admissions = build_admissions()
    for path in (f"{HERE}.NameIsToken", "live_inbox.authentication.TokenOrSessionAuthenticator"):
        token = "alice" if "NameIsToken" in path else await _token_without_times(alice)
        with changed_settings(AUTHENTICATOR=path):
            admissions.register(await required_caller(Credentials(token=token)), ended.append)
        await admissions.check()
        assert ended == []
        await in_database_thread(revoke_tokens, user_id=alice.pk)
        await admissions.check()
        assert ended == [AccessEnd.REVOKED]
        ended.clear()
        await in_database_thread(TokenRevocation.objects.all().delete)


async def test_an_earlier_revocation_does_not(alice: User) -> None:
    ended: list[AccessEnd] = []
    admissions = build_admissions()
    await in_database_thread(revoke_tokens, user_id=alice.pk)
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameIsToken"):
        admissions.register(await required_caller(Credentials(token="alice")), ended.append)
    await admissions.check()
    assert ended == []


async def _token_without_times(user: User) -> str:
    """Return a token that does not say when it was issued."""
    (secret, *_) = identity_config().tokens.secrets
    return jwt.encode({"user_id": str(user.pk), "exp": time.time() + 600}, secret)


async def test_a_header_of_its_own_needs_no_csrf_token_if_the_project_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameInHeader"):
        assert await viewer(**{"X-User": "alice"}) == (200, "alice")
        monkeypatch.setattr(f"{HERE}.NameInHeader.checks_csrf", True)
        assert await viewer(**{"X-User": "alice"}) == (403, "FORBIDDEN")


async def test_a_cookie_needs_the_csrf_token() -> None:
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameInCookie"):
        cookies = {"user": "alice"}
        assert await viewer(cookies) == (403, "FORBIDDEN")
        cookies["csrftoken"] = "a" * 32
        assert await viewer(cookies, **{"X-CSRFToken": "a" * 32}) == (200, "alice")


def test_the_json_api_shows_no_cookie_to_an_authenticator(server: ServerThread) -> None:
    """Pages of any origin may open a socket there."""
    cookie = {"Cookie": "user=alice"}
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameInCookie"):
        with (
            connect(f"{server.ws}/ws/notifications/", additional_headers=cookie) as socket,
            pytest.raises(ConnectionClosed) as closed,
        ):
            socket.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401


def test_the_payload_of_connection_init_reaches_the_authenticator(server: ServerThread) -> None:
    with (
        changed_settings(AUTHENTICATOR=f"{HERE}.NameInPayload"),
        Socket(f"{server.ws}/graphql/", "graphql-transport-ws") as socket,
    ):
        socket.send_json({"type": "connection_init", "payload": {"user": "alice"}})
        assert socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no.such", "AUTHENTICATOR cannot be used: ModuleNotFoundError"),
        (f"{HERE}.Broken", "AUTHENTICATOR cannot be used: TypeError"),
    ],
)
def test_a_path_that_names_no_authenticator_is_refused(path: str, problem: str) -> None:
    with changed_settings(AUTHENTICATOR=path):
        (message,) = check_settings(None)
    assert message.msg.startswith(problem)
    assert message.id == "live_inbox.E021"


def test_a_header_is_found_whatever_its_case() -> None:
    credentials = Credentials(headers=[(b"x-user", b"alice"), (b"x-user", b"bob")])
    assert credentials.header("X-User") == "alice"
    assert credentials.header("X-Other") is None


async def test_a_token_of_the_project_is_revoked_by_its_id(alice: User) -> None:
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameAndIdIsToken"):
        await in_database_thread(revoke_token, user_id=alice.pk, token_id="first")
        with pytest.raises(AuthenticationFailed) as refused:
            await required_caller(Credentials(token=f"{alice.username} first"))
        assert refused.value.reason is Reason.REVOKED
        other = Credentials(token=f"{alice.username} second")
        assert (await required_caller(other)).user == alice


async def test_credentials_from_before_a_revocation_are_refused(alice: User) -> None:
    issued_at = time.time() - 60
    token = f"{alice.username} {issued_at}"
    with changed_settings(AUTHENTICATOR=f"{HERE}.NameAndTimeIsToken"):
        assert (await required_caller(Credentials(token=token))).issued_at == issued_at
        await in_database_thread(revoke_tokens, user_id=alice.pk)
        with pytest.raises(AuthenticationFailed) as refused:
            await required_caller(Credentials(token=token))
        assert refused.value.reason is Reason.REVOKED
        fresh = Credentials(token=f"{alice.username} {time.time() + 1}")
        assert (await required_caller(fresh)).user == alice
