"""Every setting of the inbox, declared once: name, type, default and description.

A project sets them in Django's settings, in the dictionary `LIVE_INBOX`, by these names in capitals:

    LIVE_INBOX = {"JWT_SECRET": "...", "RECONCILE_SECONDS": 1}

The standalone site reads the same settings from environment variables (`live_inbox_site.environment`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


def _split(value: object) -> object:
    """Return a comma-separated string, as an environment variable holds it, as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


CommaSeparated = Annotated[list[str], BeforeValidator(_split)]


def _origins(values: list[str]) -> list[str]:
    """Raise ValueError for a value that is not an origin."""
    for value in values:
        if not re.fullmatch(r"https?://[^/\s]+", value):
            raise ValueError(f"{value!r} is no origin; one looks like https://app.example.com")
    return values


class InboxSettings(BaseModel):
    """The settings of the app. A wrong name or value raises `pydantic.ValidationError`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # -- server ---------------------------------------------------------------------------------------
    allowed_origins: Annotated[CommaSeparated, AfterValidator(_origins)] = Field(
        default_factory=list,
        description="Origins (`https://app.example.com`) of web pages on other hosts that may open "
        "sockets and, with a session cookie, post forms. The server's own origin always may, and so "
        "may clients that send no Origin, as everything that is not a browser.",
    )
    behind_proxy: bool = Field(
        False,
        description="Trust `X-Forwarded-Proto` of a reverse proxy, and demand HTTPS of browsers.",
    )
    graphiql: bool | None = Field(
        None,
        description="Serve GraphiQL to browsers at `/graphql/`. Not set: where Django's DEBUG is on.",
    )
    metrics_token: str = Field(
        "",
        description="Bearer token for `GET /metrics`; without one, only the machine itself may read "
        "the metrics.",
    )
    drain_seconds: float = Field(
        2.0,
        ge=0,
        le=300,
        description="Seconds that queries and actions of sockets get to end when the server stops. Then "
        "their sockets are closed without the answer, and 8 seconds later the process ends in any case.",
    )

    # -- dependencies ---------------------------------------------------------------------------------
    database_threads: int = Field(
        4,
        ge=1,
        le=64,
        description="Threads, and with PostgreSQL pooled connections, that one process uses for "
        "queries of its sockets and of GraphQL.",
    )

    # -- delivery -------------------------------------------------------------------------------------
    reconcile_seconds: float = Field(
        2.0,
        gt=0,
        le=60,
        description="Seconds between comparisons of all open inboxes with the database: the longest "
        "that a lost doorbell delays an event.",
    )
    linger_seconds: float = Field(
        10.0,
        ge=0,
        le=600,
        description="Seconds that an inbox stays in memory after its last socket here has closed, so "
        "that a client that reconnects is served without a query.",
    )
    live_events: int = Field(
        128,
        ge=8,
        le=10_000,
        description="Recent events kept in memory for each open inbox: so many, up to twice as many, and none "
        "for longer than twice `LINGER_SECONDS`.",
    )

    # -- housekeeping ---------------------------------------------------------------------------------
    housekeeping: bool = Field(
        True,
        description="Let every server process delete notifications that have expired, and prune the "
        "logs. If `false`, `manage.py prune_events` must be run regularly: it does both.",
    )
    expiry_seconds: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="Seconds between looks for notifications that have expired: the longest that one "
        "outlives its end.",
    )
    prune_seconds: float = Field(
        3600.0, gt=0, le=86_400, description="Seconds between prunings of the logs."
    )
    log_keep_days: int = Field(
        30, ge=1, description="Days that events are kept, and so positions can be resumed."
    )
    log_keep_events: int = Field(
        10_000, ge=100, description="Events that are kept of each inbox, at most."
    )

    # -- notifications --------------------------------------------------------------------------------
    max_data_bytes: int = Field(
        8192,
        ge=256,
        le=262_144,
        description="Size limit of a notification's `data`, in bytes of JSON.",
    )
    required_types: CommaSeparated = Field(
        default_factory=list,
        description="Notification types that users cannot turn off.",
    )
    send_policy: str = Field(
        "live_inbox.policy.default_policy",
        description="Dotted path of the function that decides who may send to whom.",
    )

    # -- identity -------------------------------------------------------------------------------------
    jwt_secret: str = Field(
        "",
        description="Shared secret that signs tokens: at least 32 characters in production. "
        "Development makes one up and keeps it in `var/`.",
    )
    jwt_previous_secrets: CommaSeparated = Field(
        default_factory=list,
        description="Secrets that still verify tokens while a new one is rolled out.",
    )
    jwt_algorithms: CommaSeparated = Field(
        default_factory=lambda: ["HS256"],
        description="Accepted signature algorithms, all of one family: HS*, or RS*, PS*, ES*, EdDSA.",
    )
    jwt_public_key: str = Field(
        "",
        description="Public keys (PEM) that verify tokens signed elsewhere: one or more, one after the "
        "other; line ends may be written as `\\n`.",
    )
    jwt_jwks_url: str = Field(
        "", description="Address of a JWKS document with the public keys that verify tokens."
    )
    jwt_audience: str = Field(
        "",
        description="Audience (`aud`) that tokens must carry. Empty: with a shared secret it is not "
        "looked at, with public keys a token that carries one is refused, for it is meant for others.",
    )
    jwt_issuer: str = Field(
        "", description="Issuer (`iss`) that tokens must carry; empty: not checked."
    )
    jwt_leeway_seconds: int = Field(
        10, ge=0, le=300, description="Clock difference that is tolerated in token times."
    )
    jwt_max_ttl_seconds: int = Field(
        86_400,
        ge=60,
        description="Longest life of a socket on one token or session, whatever the token's `exp` says.",
    )
    jwt_user_claims: CommaSeparated = Field(
        default_factory=lambda: ["user_id", "sub"],
        description="Claims that name the user; the first that is present counts.",
    )
    jwt_user_field: str = Field(
        "pk", description="Field of the user model that the claim is compared with."
    )
    jwt_create_users: bool = Field(
        False,
        description="Create a user on the first valid token, for services whose accounts live "
        "elsewhere.",
    )
    session_check_seconds: float = Field(
        5.0,
        gt=0,
        le=300,
        description="Seconds between checks that the users of open sockets are still active and "
        "their tokens not revoked.",
    )

    # -- limits ---------------------------------------------------------------------------------------
    send_rate: str = Field(
        "600/minute burst 100",
        description="How fast one user may send; counted in each process.",
    )
    socket_rate: str = Field(
        "50/second burst 200",
        description="How fast one socket may send messages before it is closed.",
    )
    max_message_bytes: int = Field(
        65_536, ge=1024, description="Size limit of one WebSocket message from a client."
    )
    max_subscriptions_per_socket: int = Field(
        20, ge=1, le=1000, description="GraphQL operations that one socket may have open at a time."
    )
    connection_init_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Seconds that a GraphQL socket has to send `connection_init`; and how long, at either door, it may "
        "take to find out who a client is.",
    )
    max_page_size: int = Field(
        100, ge=1, le=1000, description="Longest page of a list of notifications."
    )
    max_query_depth: int = Field(12, ge=4, description="Deepest GraphQL selection accepted.")
    max_query_tokens: int = Field(2000, ge=100, description="Longest GraphQL document, in tokens.")
    max_query_aliases: int = Field(30, ge=1, description="Aliases accepted in a GraphQL document.")

    @property
    def serves_graphiql(self) -> bool:
        """Whether browsers get GraphiQL."""
        return bool(django_settings.DEBUG) if self.graphiql is None else self.graphiql


@lru_cache(maxsize=1)
def inbox_settings() -> InboxSettings:
    """Return the settings in force, read from Django's settings at the first call.

    Raises ImproperlyConfigured, naming each wrong setting.
    """
    given: dict[str, Any] = getattr(django_settings, "LIVE_INBOX", {})
    try:
        return InboxSettings(**{name.lower(): value for name, value in given.items()})
    except ValidationError as error:
        raise ImproperlyConfigured(f"Wrong settings in LIVE_INBOX: {explain(error)}.") from None


def explain(error: ValidationError) -> str:
    """Return what is wrong with which settings, in one line."""
    return "; ".join(
        f"{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )


@receiver(setting_changed)
def _read_again(*, setting: str, **kwargs: Any) -> None:
    """Read the settings again after a test has overridden them."""
    if setting in ("LIVE_INBOX", "DEBUG"):
        inbox_settings.cache_clear()
