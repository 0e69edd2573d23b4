"""The one place where identity reads the settings."""

from __future__ import annotations

from dataclasses import dataclass

from live_inbox.conf import inbox_settings
from live_inbox.identity.accounts import AccountRules, check_account_rules
from live_inbox.identity.tokens import TokenRules, TokenVerifier


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Who may call, and for how long at a stretch."""

    tokens: TokenRules
    accounts: AccountRules
    session_check_seconds: float
    max_session_seconds: float


def identity_rules() -> IdentityRules:
    """Return what the settings say of identity. Cheap enough to ask for each caller."""
    settings = inbox_settings()
    return IdentityRules(
        tokens=TokenRules(
            algorithms=tuple(settings.jwt_algorithms),
            secrets=tuple(filter(None, (settings.jwt_secret, *settings.jwt_previous_secrets))),
            # Environment files often cannot hold line breaks.
            public_key=settings.jwt_public_key.replace("\\n", "\n"),
            jwks_url=settings.jwt_jwks_url,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway_seconds=settings.jwt_leeway_seconds,
            max_ttl_seconds=settings.jwt_max_ttl_seconds,
            user_claims=tuple(settings.jwt_user_claims),
        ),
        accounts=AccountRules(
            user_field=settings.jwt_user_field, create_users=settings.jwt_create_users
        ),
        session_check_seconds=settings.session_check_seconds,
        max_session_seconds=settings.jwt_max_ttl_seconds,
    )


def check_rules() -> None:
    """Raise InvalidTokenRules, saying what to do, if the settings cannot work."""
    rules = identity_rules()
    TokenVerifier(rules.tokens)
    check_account_rules(rules.accounts)
