"""Identity's part of the settings. No other module of the package reads settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings as django_settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.identity.accounts import AccountConfig, check_account_config
from live_inbox.identity.keys import fits_as_secret
from live_inbox.identity.token_kinds import KindRules
from live_inbox.identity.tokens import TokenConfig, TokenVerifier


# Compared by identity: to compare or hash all of it takes longer than what it is asked for.
@dataclass(frozen=True, slots=True, eq=False)
class IdentityConfig:
    """Which tokens and accounts are accepted, and how long a socket may stay open. The same settings give the same."""

    tokens: TokenConfig
    accounts: AccountConfig
    session_check_seconds: float
    max_session_seconds: float
    keys_seconds: float = 4.0
    """The longest wait for the keys of an issuer. With `database_seconds` less than CONNECTION_INIT_SECONDS, so that
    the part that is slow fails, and not the whole."""
    database_seconds: float = 5.0
    """The longest wait for the database to say who a caller is."""


@lru_cache(maxsize=1)
def identity_config() -> IdentityConfig:
    """Return the configuration that the settings give. Cheap enough to call for each caller."""
    settings = inbox_settings()
    keys = (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    return _config(_Given(settings, bool(django_settings.DEBUG), keys))


@dataclass(frozen=True, slots=True)
class _Given:
    """The settings that a configuration is made of; those of the app count as the same if they are the same object."""

    settings: InboxSettings = field(hash=False)
    is_debug: bool
    keys: tuple[str | bytes, ...] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Given):
            return NotImplemented
        is_same = self.settings is other.settings and self.is_debug == other.is_debug
        return is_same and self.keys == other.keys


@receiver(setting_changed)
def _read_again(**changed: object) -> None:
    """Read the settings again after a test has overridden them."""
    identity_config.cache_clear()


@lru_cache(maxsize=4)
def _config(given: _Given) -> IdentityConfig:
    settings = given.settings
    return IdentityConfig(
        tokens=TokenConfig(
            algorithms=tuple(settings.jwt_algorithms),
            secrets=_secrets(settings),
            # Environment files often cannot hold line breaks, so `\\n` stands for one.
            public_key=settings.jwt_public_key.replace("\\n", "\n"),
            jwks_url=settings.jwt_jwks_url,
            jwks_headers=tuple(settings.jwt_jwks_headers.items()),
            jwks_over_http=bool(django_settings.DEBUG),
            jwks_stale_seconds=settings.jwt_jwks_stale_seconds,
            audience=settings.jwt_audience,
            issuer=settings.jwt_issuer,
            client_ids=tuple(settings.jwt_client_ids),
            leeway_seconds=settings.jwt_leeway_seconds,
            max_ttl_seconds=settings.jwt_max_ttl_seconds,
            max_age_seconds=settings.jwt_max_age_seconds,
            user_claims=tuple(settings.jwt_user_claims),
            requires_scopes=settings.jwt_require_scopes,
            kinds=KindRules(
                header_types=tuple(settings.jwt_header_types),
                access_types=tuple(settings.jwt_access_types),
                must_say=_must_say(settings),
            ),
        ),
        accounts=AccountConfig(
            user_field=settings.jwt_user_field, create_users=settings.jwt_create_users
        ),
        session_check_seconds=settings.session_check_seconds,
        max_session_seconds=settings.jwt_max_ttl_seconds,
        keys_seconds=0.4 * settings.connection_init_seconds,
        database_seconds=0.5 * settings.connection_init_seconds,
    )


DEFAULT_AUTHENTICATOR: str = InboxSettings.model_fields["authenticator"].default


def authenticator_path() -> str:
    """Return the dotted path of the authenticator."""
    return inbox_settings().authenticator


def _secrets(settings: InboxSettings) -> tuple[str, ...]:
    """Return the shared secrets: those of the settings or, as with simplejwt, Django's secret keys.

    Of Django's, those that are too short for a signature are left out: that they suffice for Django is no error.
    """
    if settings.jwt_secret:
        return (settings.jwt_secret, *filter(None, settings.jwt_previous_secrets))
    keys = (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    algorithms = tuple(settings.jwt_algorithms)
    return tuple(str(key) for key in keys if fits_as_secret(str(key), algorithms))


def _must_say(settings: InboxSettings) -> bool:
    """Whether a token must say that it is for access. Django's secret keys sign other things: a link to unsubscribe
    must not be a login.
    """
    if settings.jwt_require_type is not None:
        return settings.jwt_require_type
    is_signed_elsewhere = bool(settings.jwt_public_key or settings.jwt_jwks_url)
    return not is_signed_elsewhere and uses_secret_key(settings)


def uses_secret_key(settings: InboxSettings) -> bool:
    """Whether a secret of Django's signs tokens: because there is no JWT_SECRET, or because it is the same."""
    keys = {django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS}
    return not settings.jwt_secret or settings.jwt_secret in keys


def check_identity_config() -> None:
    """Raise InvalidIdentityConfig if the settings cannot work; the message says what to change."""
    config = identity_config()
    TokenVerifier(config.tokens)
    check_account_config(config.accounts)


def can_verify_tokens() -> bool:
    """Whether there is any key to verify tokens with."""
    tokens = identity_config().tokens
    return tokens.signed_elsewhere or bool(tokens.secrets)


def accepts_any_service() -> bool:
    """Whether nothing tells the tokens for this service from the others of an issuer elsewhere."""
    tokens = identity_config().tokens
    is_told_apart = tokens.audience or tokens.client_ids or tokens.requires_scopes
    return tokens.signed_elsewhere and not is_told_apart
