"""Identity's part of the settings. No other module of the package reads settings."""

from __future__ import annotations

from dataclasses import dataclass

from live_inbox.conf import inbox_settings
from live_inbox.identity.accounts import AccountConfig, check_account_config
from live_inbox.identity.tokens import TokenConfig, TokenVerifier


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """Which tokens and accounts are accepted, and how long a socket may stay open."""

    tokens: TokenConfig
    accounts: AccountConfig
    session_check_seconds: float
    max_session_seconds: float


def identity_config() -> IdentityConfig:
    """Return the configuration that the settings give. Cheap enough to call for each caller."""
    settings = inbox_settings()
    return IdentityConfig(
        tokens=TokenConfig(
            algorithms=tuple(settings.jwt_algorithms),
            secrets=tuple(filter(None, (settings.jwt_secret, *settings.jwt_previous_secrets))),
            # Environment files often cannot hold line breaks, so `\\n` stands for one.
            public_key=settings.jwt_public_key.replace("\\n", "\n"),
            jwks_url=settings.jwt_jwks_url,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            leeway_seconds=settings.jwt_leeway_seconds,
            max_ttl_seconds=settings.jwt_max_ttl_seconds,
            user_claims=tuple(settings.jwt_user_claims),
        ),
        accounts=AccountConfig(
            user_field=settings.jwt_user_field, create_users=settings.jwt_create_users
        ),
        session_check_seconds=settings.session_check_seconds,
        max_session_seconds=settings.jwt_max_ttl_seconds,
    )


def check_identity_config() -> None:
    """Raise InvalidIdentityConfig if the settings cannot work; the message says what to change."""
    config = identity_config()
    TokenVerifier(config.tokens)
    check_account_config(config.accounts)
