"""The tokens of other packages: simplejwt's as they are, and the examples of docs/authentication.md."""

from __future__ import annotations

from typing import Any

from django.test import override_settings
from rest_framework.authtoken.models import Token
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

import live_inbox
from tests.both_apis.devices import GraphQLDevice, JsonDevice, Socket
from tests.users.documented import documented
from tests.users.people import User, close_code, serving

LIVE_INBOX = {"HOUSEKEEPING": False, "SESSION_CHECK_SECONDS": 300}


def check_that_tokens_of_simplejwt_open_both_apis() -> None:
    alice = User.objects.create_user("alice")
    _serves(alice, str(AccessToken.for_user(alice)))


def check_that_a_refresh_token_of_simplejwt_opens_nothing() -> None:
    alice = User.objects.create_user("refreshing")
    with serving() as server:
        assert _close_code(server.ws, str(RefreshToken.for_user(alice))) == 4401


def check_the_example_for_tokens_of_rest_framework() -> None:
    bob = User.objects.create_user("bob")
    token = Token.objects.create(user=bob).key
    with override_settings(
        LIVE_INBOX=LIVE_INBOX | {"AUTHENTICATOR": documented("TokenAuthenticator")}
    ):
        _serves(bob, token)
        with serving() as server:
            assert _close_code(server.ws, "0" * 40) == 4401
            assert _close_code(server.ws, "") == 4401


def check_the_example_for_simplejwt_with_its_own_checks() -> None:
    carol = User.objects.create_user("carol")
    token = str(AccessToken.for_user(carol))
    path = documented("SimpleJWTAuthenticator")
    with override_settings(LIVE_INBOX=LIVE_INBOX | {"AUTHENTICATOR": path}):
        _serves(carol, token)
        carol.delete()
        with serving() as server:
            assert _close_code(server.ws, token) == 4403


def _serves(user: Any, token: str) -> None:
    """Both APIs serve the bearer of a token."""
    with (
        serving() as server,
        GraphQLDevice(server.ws, token) as graphql,
        JsonDevice(server.ws, token) as original,
    ):
        sent = live_inbox.send(recipient=user, title="x").notification
        assert sent is not None
        assert graphql.next_change().notification_id == sent.pk
        assert original.next_change().notification_id == sent.pk


def _close_code(address: str, token: str) -> int | None:
    with Socket(f"{address}/ws/notifications/?token={token}") as socket:
        return close_code(socket)
