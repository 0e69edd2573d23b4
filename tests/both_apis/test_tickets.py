"""Tickets and subprotocols in place of a token in the URL, at both APIs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.test import Client as Browser
from django.utils import timezone
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live_inbox.clock import clock
from live_inbox.errors import InvalidInput
from live_inbox.identity import revocation
from live_inbox.identity.callers import Caller
from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.issuing import issue_token
from live_inbox.identity.revocation import revoke_tokens
from live_inbox.identity.tickets import PresentedTicket, issue_ticket, redeem_ticket
from live_inbox.models import TokenRevocation
from tests.both_apis.devices import Socket
from tests.both_apis.server_thread import ServerThread
from tests.changed_settings import changed_settings

pytestmark = pytest.mark.django_db(transaction=True)

CREATE = "mutation ($api: SocketApi!) { createTicket(api: $api) { ticket expiresInSeconds } }"
APIS = ["graphql", "json"]


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[ServerThread]:
    """A server that takes no token from the query."""
    with changed_settings(HOUSEKEEPING=False, TOKEN_IN_QUERY=False), ServerThread() as running:
        yield running


@pytest.fixture
def token(alice: int) -> str:
    return issue_token(User.objects.get(pk=alice), ttl_seconds=600)


def create(server: ServerThread, token: str, api: str) -> str:
    asked = {"query": CREATE, "variables": {"api": api.upper()}}
    header = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{server.http}/graphql/", json=asked, headers=header, timeout=60).json()
    created = answer["data"]["createTicket"]
    assert created["expiresInSeconds"] == 30
    return str(created["ticket"])


def outcome(server: ServerThread, api: str, query: str, *subprotocols: str) -> int | str:
    """Open a socket; return its close code, or `admitted`."""
    path = {"graphql": "graphql/", "json": "ws/notifications/"}[api]
    own = ["graphql-transport-ws"] if api == "graphql" else []
    with Socket(f"{server.ws}/{path}{query}", *own, *subprotocols) as socket:
        first: Any = {"type": "connection_init"} if own else {"type": "get_notifications"}
        try:
            socket.send_json(first)
            socket.receive()
        except ConnectionClosed as closed:
            return 0 if closed.rcvd is None else closed.rcvd.code
        return "admitted"


@pytest.mark.parametrize("api", APIS)
def test_a_ticket_opens_one_socket(server: ServerThread, token: str, api: str) -> None:
    ticket = create(server, token, api)
    assert outcome(server, api, f"?ticket={quote(ticket)}") == "admitted"
    assert outcome(server, api, f"?ticket={quote(ticket)}") == 4403


@pytest.mark.parametrize("api", APIS)
def test_a_ticket_of_the_other_api_opens_none(server: ServerThread, token: str, api: str) -> None:
    other = create(server, token, "json" if api == "graphql" else "graphql")
    assert outcome(server, api, f"?ticket={quote(other)}") == 4403
    for forged in ("x", other[:-3] + "abc", "a:b:c", "x" * 5000):
        assert outcome(server, api, f"?ticket={quote(forged)}") in (4401, 4403)


def test_a_ticket_has_the_rights_of_its_token_and_ends_with_it(
    server: ServerThread, token: str, alice: int
) -> None:
    opening, refused = create(server, token, "json"), create(server, token, "json")
    with Socket(f"{server.ws}/ws/notifications/?ticket={quote(opening)}") as socket:
        socket.send_json({"type": "ping"})
        assert socket.receive() == {"type": "pong"}
        token_id = jwt.decode(token, options={"verify_signature": False})["jti"]
        call_command("revoke_tokens", user=str(alice), token_id=token_id, verbosity=0)
        with pytest.raises(ConnectionClosed) as closed:
            socket.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    assert outcome(server, "json", f"?ticket={quote(refused)}") == 4403


def test_a_session_cannot_be_traded(server: ServerThread, alice: int) -> None:
    browser = Browser()
    browser.force_login(User.objects.get(pk=alice))
    asked = json.dumps({"query": CREATE, "variables": {"api": "JSON"}})
    answer = browser.post("/graphql/", asked, content_type="application/json").json()
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "take its cookie" in error["message"]


@pytest.mark.parametrize("api", APIS)
def test_a_token_in_a_subprotocol(server: ServerThread, token: str, api: str) -> None:
    assert outcome(server, api, "", f"bearer.{token}") == "admitted"
    assert outcome(server, api, "", "bearer.nonsense") in (4401, 4403)


def test_the_subprotocol_with_the_token_is_not_repeated(server: ServerThread, token: str) -> None:
    with ExitStack() as opened:
        for others, accepted in ((["live-inbox"], "live-inbox"), (["something"], None)):
            offered: Any = [f"bearer.{token}", *others]
            address = f"{server.ws}/ws/notifications/"
            socket = opened.enter_context(connect(address, subprotocols=offered))
            assert socket.subprotocol == accepted


def test_a_token_in_the_query_can_be_turned_off(server: ServerThread, token: str) -> None:
    assert outcome(server, "json", f"?token={token}") == 4401


def redeemed(ticket: str, *, address: str = "192.0.2.1") -> Caller | Reason:
    try:
        return redeem_ticket(PresentedTicket(ticket, "json", address))
    except AuthenticationFailed as failure:
        return failure.reason


def test_a_ticket_is_for_one_address(alice: int, settings: Any) -> None:
    caller = Caller(User.objects.get(pk=alice), issued_at=1.0)

    def ticket(address: str) -> str:
        return issue_ticket(caller, api="json", address=address)

    assert redeemed(ticket("192.0.2.1")) == caller
    assert redeemed(ticket("192.0.2.2")) is Reason.TICKET
    assert redeemed(ticket("2001:db8::1"), address="2001:db8::ffff:2") == caller
    assert redeemed(ticket("2001:db8::1"), address="2001:db8:0:1::1") is Reason.TICKET
    with changed_settings(TICKET_BOUND_TO_ADDRESS=False):
        assert redeemed(ticket("192.0.2.2")) == caller


def test_a_ticket_has_the_scopes_and_the_expiry_of_its_token(alice: int) -> None:
    caller = Caller(
        User.objects.get(pk=alice),
        scopes=frozenset({"notifications:read"}),
        issued_at=1.0,
        expires_at=clock.time() + 60,
        token_id="t",
    )
    ticket = issue_ticket(caller, api="json", address="192.0.2.1")
    assert redeemed(ticket) == caller


def test_a_ticket_expires(alice: int, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.get(pk=alice)
    kept = issue_ticket(Caller(user), api="json", address="192.0.2.1")
    now = clock.time()
    short = issue_ticket(Caller(user, expires_at=now + 5), api="json", address="192.0.2.1")
    monkeypatch.setattr(clock, "time", lambda: now + 6)
    assert redeemed(short) is Reason.EXPIRED
    monkeypatch.setattr(clock, "time", lambda: now + 31)
    assert redeemed(kept) is Reason.EXPIRED


def test_a_ticket_of_a_user_who_was_deactivated_or_deleted(alice: int) -> None:
    user = User.objects.get(pk=alice)
    first, second = (issue_ticket(Caller(user), api="json", address="192.0.2.1") for _ in range(2))
    User.objects.update(is_active=False)
    assert redeemed(first) is Reason.INACTIVE
    user.delete()
    assert redeemed(second) is Reason.UNKNOWN_USER


def test_a_ticket_from_before_all_tokens_were_revoked_is_refused(alice: int) -> None:
    user = User.objects.get(pk=alice)
    now = clock.time()
    before, unknown, after = (
        issue_ticket(Caller(user, issued_at=issued_at), api="json", address="192.0.2.1")
        for issued_at in (now - 1, None, now + 60)
    )
    revoke_tokens(user_id=alice)
    assert redeemed(before) is Reason.REVOKED
    assert redeemed(unknown) is Reason.REVOKED
    assert isinstance(redeemed(after), Caller)


def test_used_tickets_and_revoked_tokens_have_bounds_of_their_own(
    alice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocation, "MAX_TOKEN_IDS", 4)
    caller = Caller(User.objects.get(pk=alice))
    soon = (timezone.now() + timedelta(seconds=30)).timestamp()
    for number in range(3):
        revocation.revoke_token(user_id=alice, token_id=str(number))
    tickets = [issue_ticket(caller, api="json", address="192.0.2.1") for _ in range(3)]
    assert [isinstance(redeemed(ticket), Caller) for ticket in tickets] == [True, True, False]
    revocation.revoke_token(user_id=alice, token_id="expires", expires_at=soon)
    with pytest.raises(revocation.TooManyRevokedTokens):
        revocation.revoke_token(user_id=alice, token_id="one more")
    # What has expired is forgotten.
    later = timezone.now() + timedelta(minutes=1)
    monkeypatch.setattr("live_inbox.database.now", lambda: later)
    revocation.revoke_token(user_id=alice, token_id="one more")
    assert set(TokenRevocation.objects.get().token_ids) == {"0", "1", "2", "one more"}


def test_of_those_who_use_a_ticket_at_once_one_is_admitted(alice: int) -> None:
    ticket = issue_ticket(Caller(User.objects.get(pk=alice)), api="json", address="192.0.2.1")
    found: list[Caller | Reason] = []

    def use() -> None:
        try:
            found.append(redeemed(ticket))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(each, Caller) for each in found) == [False] * 7 + [True]


def test_a_token_whose_ticket_would_be_too_long_is_told_so(alice: int) -> None:
    scopes = frozenset(f"another-service:{n:03}" for n in range(300))
    caller = Caller(User.objects.get(pk=alice), scopes=scopes)
    with pytest.raises(InvalidInput, match="too many scopes"):
        issue_ticket(caller, api="json", address="127.0.0.1")
