"""What becomes of open sockets when the account behind them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import jwt
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser
from websockets.exceptions import ConnectionClosed

from live_inbox.identity.issuing import issue_token
from live_inbox.services.access import disconnect
from tests.both_apis.conftest import DEVICES
from tests.both_apis.devices import Socket
from tests.both_apis.open_sockets import sockets_of
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def patient_server(django_db_setup: None) -> Iterator[ServerThread]:
    """A server that checks open sockets every five minutes: what happens in a test, a doorbell has caused."""
    with (
        changed_settings(HOUSEKEEPING=False, SESSION_CHECK_SECONDS=300),
        ServerThread() as server,
    ):
        yield server


@pytest.fixture(params=["graphql", "json"])
def device(
    request: pytest.FixtureRequest, patient_server: ServerThread, alice: int
) -> Iterator[Socket]:
    """An open device of alice."""
    with ExitStack() as opened:
        token = issue_token(User.objects.get(pk=alice), ttl_seconds=600)
        yield opened.enter_context(DEVICES[request.param](patient_server.ws, token))


def close_code(device: Socket) -> int | None:
    """Return the code with which the server closes a device."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            device.receive()
    return None if closed.value.rcvd is None else closed.value.rcvd.code


def delete_one(key: int) -> None:
    User.objects.get(pk=key).delete()


def delete_many(key: int) -> None:
    User.objects.bulk_create(User(username=f"user {number}") for number in range(30))
    User.objects.all().delete()


def deactivate(key: int) -> None:
    user = User.objects.get(pk=key)
    user.is_active = False
    user.save()


def revoke(key: int) -> None:
    call_command("revoke_tokens", user=str(key), verbosity=0)


def sign_out_by_admin(key: int) -> None:
    User.objects.create_superuser("root", password="x")
    browser = Browser()
    browser.force_login(User.objects.get(username="root"))
    chosen = {"action": "sign_out_everywhere", "_selected_action": [str(key)]}
    assert browser.post("/admin/auth/user/", chosen).status_code == 302


@pytest.mark.parametrize("change", [delete_one, delete_many, deactivate, revoke, sign_out_by_admin])
def test_sockets_are_closed_at_once(
    device: Socket, alice: int, change: Callable[[int], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    change(alice)
    assert close_code(device) == 4403


def test_nothing_is_closed_for_a_deletion_that_is_rolled_back(
    device: Any, alice: int, bob: int
) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        delete_one(alice)
        raise RuntimeError
    delete_one(bob)
    assert device.list().total == 0


def test_other_changes_of_the_account_close_nothing(device: Any, alice: int) -> None:
    user = get_user_model().objects.get(pk=alice)
    user.first_name = "Alice"
    user.save()
    assert device.list().total == 0


@pytest.fixture
def page(patient_server: ServerThread, alice: int) -> Iterator[Callable[[Browser], Socket]]:
    """Open a GraphQL socket with the session of a browser."""
    with ExitStack() as opened:

        def open_(browser: Browser) -> Socket:
            cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
            address = f"{patient_server.ws}/graphql/"
            socket = opened.enter_context(Socket(address, "graphql-transport-ws", headers=cookie))
            socket.send_json({"type": "connection_init"})
            return socket

        yield open_


def signed_in(key: int) -> Browser:
    browser = Browser()
    browser.force_login(User.objects.get(pk=key))
    return browser


def test_a_sign_out_closes_the_sockets_of_sessions_and_no_others(
    device: Any, page: Callable[[Browser], Socket], alice: int
) -> None:
    browser = signed_in(alice)
    opened = page(browser)
    assert opened.receive()["type"] == "connection_ack"
    browser.logout()
    assert close_code(opened) == 4403
    assert device.list().total == 0


def set_password(user: User) -> None:
    user.set_password("another")
    user.save()


def disable_password(user: User) -> None:
    """What the admin does by "Password-based authentication: Disabled"."""
    user.set_unusable_password()
    user.save()


def assign_password(user: User) -> None:
    user.password = make_password("another")
    user.save()


def assign_password_alone(user: User) -> None:
    user.password = make_password("another")
    user.save(update_fields=["password"])


@pytest.mark.parametrize(
    "change", [set_password, disable_password, assign_password, assign_password_alone]
)
def test_a_new_password_closes_the_sockets_of_sessions_and_no_others(
    device: Any, page: Callable[[Browser], Socket], alice: int, change: Callable[[User], None]
) -> None:
    opened = page(signed_in(alice))
    assert opened.receive()["type"] == "connection_ack"
    change(User.objects.get(pk=alice))
    assert close_code(opened) == 4403
    assert device.list().total == 0


@pytest.mark.parametrize("by", ["command", "mutation"])
def test_who_signs_out_everywhere_has_to_sign_in_again_everywhere(
    device: Any,
    page: Callable[[Browser], Socket],
    patient_server: ServerThread,
    alice: int,
    bob: int,
    by: str,
) -> None:
    """The session of a browser, a socket of another process, and the pages of the project."""
    browser, opened, others = signed_in(alice), page(signed_in(alice)), page(signed_in(bob))
    assert [each.receive()["type"] for each in (opened, others)] == ["connection_ack"] * 2
    assert browser.get("/notifications/preferences/").status_code == 200
    token = issue_token(User.objects.get(pk=alice), ttl_seconds=600)
    header = {"Authorization": f"Bearer {token}"}
    if by == "command":
        revoke(alice)
    else:
        asked = {"query": "mutation { signOutEverywhere { signedOutBefore } }"}
        answer = httpx.post(
            f"{patient_server.http}/graphql/", json=asked, headers=header, timeout=60
        )
        assert answer.json()["data"]["signOutEverywhere"]["signedOutBefore"]

    assert [close_code(each) for each in (device, opened, page(browser))] == [4403] * 3
    assert browser.get("/notifications/preferences/").status_code == 302
    asked = {"query": "{ viewer { username } }"}
    answer = httpx.post(f"{patient_server.http}/graphql/", json=asked, headers=header, timeout=60)
    assert answer.json()["errors"][0]["extensions"]["reason"] == "revoked"
    assert page(signed_in(alice)).receive()["type"] == "connection_ack"
    others.send_json({"type": "ping"})
    assert others.receive()["type"] == "pong"


@pytest.mark.parametrize("api", ["graphql", "json"])
def test_a_device_that_is_disconnected_may_come_back(
    device: Any, patient_server: ServerThread, alice: int, api: str
) -> None:
    token = issue_token(User.objects.get(pk=alice), ttl_seconds=600)
    with ExitStack() as opened:
        chosen = opened.enter_context(DEVICES[api](patient_server.ws, token))
        assert chosen.list().total == 0
        newest = sockets_of(alice)[-1]
        disconnect(user_id=alice + 1000, socket_id=newest.id)
        disconnect(user_id=alice, socket_id="")
        disconnect(user_id=alice, socket_id=newest.id)
        assert close_code(chosen) == 4403
        again = opened.enter_context(DEVICES[api](patient_server.ws, token))
        assert again.list().total == 0
        assert newest.id not in [socket.id for socket in sockets_of(alice)]
    assert device.list().total == 0


@pytest.mark.parametrize("api", ["graphql", "json"])
def test_a_single_token_is_revoked(patient_server: ServerThread, alice: int, api: str) -> None:
    tokens = [issue_token(User.objects.get(pk=alice), ttl_seconds=600) for _ in range(2)]
    with ExitStack() as opened:
        stolen, kept = (
            opened.enter_context(DEVICES[api](patient_server.ws, token)) for token in tokens
        )
        token_id = jwt.decode(tokens[0], options={"verify_signature": False})["jti"]
        call_command("revoke_tokens", user=str(alice), token_id=token_id, verbosity=0)
        assert close_code(stolen) == 4403
        assert kept.list().total == 0
        address = f"{patient_server.ws}/ws/notifications/?token={tokens[0]}"
        assert close_code(opened.enter_context(Socket(address))) == 4403
