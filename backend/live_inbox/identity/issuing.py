"""Issues tokens that this server signs: for its commands and tests, and for services that share its secret."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import jwt
from django.contrib.auth.base_user import AbstractBaseUser

from live_inbox.clock import clock
from live_inbox.identity.config import identity_config
from live_inbox.identity.errors import InvalidIdentityConfig
from live_inbox.identity.keys import secret_id
from live_inbox.identity.tokens import TokenConfig


def issue_token(
    user: AbstractBaseUser,
    *,
    ttl_seconds: float,
    scopes: Iterable[str] = (),
    now: float | None = None,
) -> str:
    """Return an access token for this user, with the claims of djangorestframework-simplejwt.

    `now` is the time of issue in unix seconds; by default the current time. Raises InvalidIdentityConfig where
    tokens are signed elsewhere, and ValueError for a `ttl_seconds` that is not positive or above JWT_MAX_AGE_SECONDS.
    """
    config = identity_config()
    if config.tokens.signed_elsewhere:
        raise InvalidIdentityConfig(
            "Tokens are signed elsewhere: this server has public keys only."
        )
    if not 0 < ttl_seconds <= config.tokens.max_age_seconds:
        most = f"{config.tokens.max_age_seconds:g}"
        raise ValueError(f"A token must live for more than 0 seconds, and {most} at most.")
    user_ref = str(getattr(user, config.accounts.user_field))
    claims = _claims(config.tokens, user_ref, ttl_seconds, clock.time() if now is None else now)
    if scope := " ".join(scopes):
        claims["scope"] = scope
    return _signed(config.tokens, claims)


def _claims(config: TokenConfig, user_ref: str, ttl_seconds: float, now: float) -> dict[str, Any]:
    # Keep the fraction of a second: a token issued after a revocation in the same second must be valid.
    issued_at = round(now, 6)
    claims: dict[str, Any] = dict.fromkeys((*config.user_claims, "user_id", "sub"), user_ref)
    claims |= {
        "token_type": _first(config.kinds.access_types, "access"),
        "iat": issued_at,
        "exp": issued_at + ttl_seconds,
        "jti": uuid.uuid4().hex,
    }
    if config.audience:
        claims["aud"] = config.audience
    if config.issuer:
        claims["iss"] = config.issuer
    if config.client_ids:
        claims["client_id"] = config.client_ids[0]
    return claims


def _signed(config: TokenConfig, claims: dict[str, Any]) -> str:
    if not config.secrets:
        raise InvalidIdentityConfig("JWT_SECRET is empty: there is nothing to sign with.")
    secret = config.secrets[0]
    headers = {"typ": _first(config.kinds.header_types, "JWT")}
    if len(config.secrets) > 1:
        headers["kid"] = secret_id(secret)
    return jwt.encode(claims, secret, algorithm=config.algorithms[0], headers=headers)


def _first(accepted: Sequence[str], usual: str) -> str:
    """Return the usual value if it is accepted, or else the first that is."""
    return usual if usual in accepted or not accepted else accepted[0]
