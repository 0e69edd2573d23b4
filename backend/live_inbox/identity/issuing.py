"""Tokens signed by this server: for its commands and tests, and for who shares its secret."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Any

import jwt
from django.contrib.auth.base_user import AbstractBaseUser

from live_inbox.identity.errors import InvalidTokenRules
from live_inbox.identity.keys import secret_id
from live_inbox.identity.rules import identity_rules
from live_inbox.identity.tokens import TokenRules


def issue_token(
    user: AbstractBaseUser,
    *,
    ttl_seconds: float,
    scopes: Iterable[str] = (),
    now: float | None = None,
) -> str:
    """Return an access token for this user, as djangorestframework-simplejwt writes them.

    Raises InvalidTokenRules where tokens are signed elsewhere, and ValueError for a life that is
    not positive.
    """
    rules = identity_rules()
    if rules.tokens.signed_elsewhere:
        raise InvalidTokenRules("Tokens are signed elsewhere: this server has public keys only.")
    if not 0 < ttl_seconds < float("inf"):
        raise ValueError("A token must live for more than 0 seconds.")
    user_ref = str(getattr(user, rules.accounts.user_field))
    claims = _claims(rules.tokens, user_ref, ttl_seconds, time.time() if now is None else now)
    if words := " ".join(scopes):
        claims["scope"] = words
    return _signed(rules.tokens, claims)


def _claims(rules: TokenRules, user_ref: str, ttl_seconds: float, now: float) -> dict[str, Any]:
    # With its fraction: a token issued right after a revocation in the same second must be good.
    issued_at = round(now, 6)
    claims: dict[str, Any] = dict.fromkeys((*rules.user_claims, "user_id", "sub"), user_ref)
    claims |= {
        "token_type": "access",
        "iat": issued_at,
        "exp": issued_at + ttl_seconds,
        "jti": uuid.uuid4().hex,
    }
    if rules.audience:
        claims["aud"] = rules.audience
    if rules.issuer:
        claims["iss"] = rules.issuer
    return claims


def _signed(rules: TokenRules, claims: dict[str, Any]) -> str:
    if not rules.secrets:
        raise InvalidTokenRules("JWT_SECRET is empty: there is nothing to sign with.")
    secret = rules.secrets[0]
    headers = {"kid": secret_id(secret)} if len(rules.secrets) > 1 else None
    algorithm = rules.algorithms[0]
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)
