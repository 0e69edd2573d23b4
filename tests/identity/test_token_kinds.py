"""Access tokens, and the other tokens that one key may sign."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from live_inbox.identity.errors import AuthenticationFailed, Reason
from live_inbox.identity.token_kinds import KindRules
from live_inbox.identity.tokens import TokenConfig, TokenVerifier
from tests.identity.issuer import NOW, SECRET, Clock


def token(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a token of a user, with these claims."""
    named = {"sub": "7", "iat": int(NOW), "exp": int(NOW) + 300}
    return jwt.encode(named | claims, SECRET, algorithm="HS256", headers=header)


def refusal(given: str, **rules: Any) -> Reason | None:
    """Return the reason of a refusal; None for an accepted token."""
    config = TokenConfig(secrets=(SECRET,), kinds=KindRules(**rules))
    try:
        TokenVerifier(config, clock=Clock(NOW)).verify(given)
    except AuthenticationFailed as failure:
        return failure.reason
    return None


ACCESS_TOKENS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "no header typ": ({"typ": None}, {}),
    "RFC 9068": ({"typ": "at+jwt"}, {"client_id": "app"}),
    "RFC 9068, full media type": ({"typ": "application/AT+JWT"}, {}),
    "simplejwt": ({}, {"token_type": "access", "user_id": "7"}),
    "drf-jwt": ({}, {"username": "alice", "orig_iat": int(NOW)}),
    "flask-jwt-extended": ({}, {"type": "access", "fresh": False}),
    "Keycloak": ({}, {"typ": "Bearer", "azp": "web", "nonce": "n"}),
    "Cognito": ({}, {"token_use": "access", "client_id": "app"}),
    "Supabase": ({}, {"aud": "authenticated", "role": "authenticated", "session_id": "s"}),
    "Firebase": ({}, {"auth_time": int(NOW), "firebase": {"identities": {}}}),
    "Auth0": ({}, {"azp": "web", "scope": "openid profile", "permissions": []}),
    "fastapi-users": ({}, {"aud": ["fastapi-users:auth"]}),
    "type of a user": ({}, {"type": "customer", "kind": "Person"}),
    "claim typ as in the header": ({}, {"typ": "JWT"}),
}

OTHER_TOKENS: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "refresh, simplejwt": ({}, {"token_type": "refresh"}, Reason.REFRESH),
    "refresh, flask-jwt-extended": ({}, {"type": "refresh"}, Reason.REFRESH),
    "refresh, Keycloak": ({}, {"typ": "Refresh"}, Reason.REFRESH),
    "offline, Keycloak": ({}, {"typ": "Offline"}, Reason.REFRESH),
    "refresh, by header": ({"typ": "refresh+jwt"}, {}, Reason.REFRESH),
    "ID, Keycloak": ({}, {"typ": "ID"}, Reason.NOT_ACCESS),
    "ID, Cognito": ({}, {"token_use": "id", "aud": "app"}, Reason.NOT_ACCESS),
    "ID, by nonce": ({}, {"nonce": "n"}, Reason.NOT_ACCESS),
    "ID, by at_hash": ({}, {"at_hash": "h"}, Reason.NOT_ACCESS),
    "ID, by c_hash": ({}, {"c_hash": "h"}, Reason.NOT_ACCESS),
    "ID, by type": ({}, {"type": "id_token"}, Reason.NOT_ACCESS),
    "reset, Keycloak": ({}, {"typ": "reset-credentials", "nonce": "n"}, Reason.NOT_ACCESS),
    "reset, by purpose": ({}, {"purpose": "password_reset"}, Reason.NOT_ACCESS),
    "reset, by token type": ({}, {"token_type": "password-reset"}, Reason.NOT_ACCESS),
    "reset, by action": ({}, {"action": "resetPassword"}, Reason.NOT_ACCESS),
    "reset, by audience": ({}, {"aud": "fastapi-users:reset"}, Reason.NOT_ACCESS),
    "verification, by audience": ({}, {"aud": ["fastapi-users:verify"]}, Reason.NOT_ACCESS),
    "verification, by type": ({}, {"type": "EMAIL_VERIFICATION"}, Reason.NOT_ACCESS),
    "purpose that nobody knows": ({}, {"purpose": "export"}, Reason.NOT_ACCESS),
    "purpose is a list": ({}, {"purpose": ["access"]}, Reason.NOT_ACCESS),
    "purpose is null": ({}, {"purpose": None}, Reason.NOT_ACCESS),
    "logout token": ({"typ": "logout+jwt"}, {}, Reason.NOT_ACCESS),
    "logout token, by events": (
        {},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        Reason.NOT_ACCESS,
    ),
    "proof of possession": ({"typ": "dpop+jwt"}, {"htm": "POST"}, Reason.NOT_ACCESS),
    "security event": ({"typ": "secevent+jwt"}, {}, Reason.NOT_ACCESS),
    "introspection": ({"typ": "token-introspection+jwt"}, {}, Reason.NOT_ACCESS),
    "credential": ({"typ": "vc+sd-jwt"}, {}, Reason.NOT_ACCESS),
    "typ is a number": ({"typ": 7}, {}, Reason.NOT_ACCESS),
}


@pytest.mark.parametrize("name", ACCESS_TOKENS)
def test_an_access_token_is_accepted(name: str) -> None:
    header, claims = ACCESS_TOKENS[name]
    assert refusal(token(header, **claims)) is None


@pytest.mark.parametrize("name", OTHER_TOKENS)
def test_another_token_of_the_issuer_opens_no_inbox(name: str) -> None:
    header, claims, reason = OTHER_TOKENS[name]
    assert refusal(token(header, **claims)) is reason


@pytest.mark.parametrize(
    ("header", "claims", "is_accepted"),
    [
        ({}, {}, False),
        ({}, {"type": "customer"}, False),
        ({}, {"typ": "JWT"}, False),
        ({"typ": "at+jwt"}, {}, True),
        ({}, {"token_type": "access"}, True),
        ({}, {"type": "access"}, True),
        ({"typ": "at+jwt"}, {"purpose": "reset"}, False),
    ],
)
def test_a_token_can_be_required_to_say_what_it_is(
    header: dict[str, Any], claims: dict[str, Any], is_accepted: bool
) -> None:
    given = token(header, **claims)
    assert (refusal(given, must_say=True) is None) == is_accepted


def test_the_accepted_names_are_configurable() -> None:
    sliding = token(token_type="sliding")
    assert refusal(sliding, access_types=("sliding",)) is None
    assert refusal(token(token_type="access"), access_types=("sliding",)) is Reason.NOT_ACCESS
    ours = token({"typ": "shop+jwt"})
    assert refusal(ours, header_types=("application/shop+jwt",)) is None
    assert refusal(token(), header_types=("at+jwt",)) is Reason.NOT_ACCESS
