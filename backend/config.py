"""Every setting of the product, declared once: name, type, default and what it is for.

The value comes from the environment variable of the same name in capitals, or else from the file `.env` at the
top of the checkout. `docs/configuration.md` is printed from this module (`manage.py print_configuration`).
"""

from __future__ import annotations

import os
import re
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent


def _split(value: object) -> object:
    """Turn the text of an environment variable into a list: values are separated by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_split)]


def _database_address(text: str) -> str:
    """Refuse databases that the product is not made for."""
    if not text.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ValueError("it begins with postgres://, postgresql:// or sqlite:///")
    return text


def _redis_address(text: str) -> str:
    """Refuse what cannot be the address of a Redis: without this, a slip would only make delivery slow."""
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("it begins with redis://, rediss:// or unix://")
    return text


def _origins(values: list[str]) -> list[str]:
    """Refuse what is not an origin."""
    for value in values:
        if not re.fullmatch(r"https?://[^/\s]+", value):
            raise ValueError(f"{value!r} is no origin; one looks like https://app.example.com")
    return values


class WrongSettings(Exception):
    """Raised when the environment has values that make no sense; the message names the variables."""


class Config(BaseSettings):
    """The settings of one process. Wrong values are refused at start with the name of the variable."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # -- server ---------------------------------------------------------------------------------------
    environment: Literal["development", "test", "production"] = Field(
        "production",
        description="`production` refuses to start with unsafe settings; `development` has demo "
        "users, generated secrets and DEBUG.",
    )
    secret_key: str = Field(
        "",
        description="Django's secret key: at least 50 characters in production. "
        "Development makes one up and keeps it in `var/`.",
    )
    allowed_hosts: CommaSeparated = Field(
        default_factory=list,
        description="Host names that this server answers to (Django's ALLOWED_HOSTS). "
        "Development answers to localhost.",
    )
    allowed_origins: Annotated[CommaSeparated, AfterValidator(_origins)] = Field(
        default_factory=list,
        description="Origins (`https://app.example.com`) of web pages on other hosts that may open "
        "sockets and, with a session cookie, post forms. The server's own origin always may, and so "
        "may clients that send no Origin, as everything that is not a browser.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe level that is logged."
    )
    behind_proxy: bool = Field(
        False,
        description="Trust `X-Forwarded-Proto` of a reverse proxy, and demand HTTPS of browsers.",
    )
    pages: bool | None = Field(
        None,
        description="Serve the live inbox page at `/`. Not set: in development only.",
    )
    graphiql: bool | None = Field(
        None,
        description="Serve GraphiQL to browsers at `/graphql/`. Not set: in development only.",
    )
    metrics_token: str = Field(
        "",
        description="Bearer token for `GET /metrics`; without one, only the machine itself may read "
        "the metrics.",
    )
    finishing_seconds: float = Field(
        2.0,
        ge=0,
        le=300,
        description="Seconds that queries and actions of sockets get to end when the server stops. Then "
        "their sockets are closed without the answer, and 8 seconds later the process ends in any case.",
    )

    # -- dependencies ---------------------------------------------------------------------------------
    database_url: Annotated[str, AfterValidator(_database_address)] = Field(
        f"sqlite:///{REPOSITORY / 'var' / 'inbox.sqlite3'}",
        description="Database, as a URL: `postgres://user:password@host:5432/name` or "
        "`sqlite:////path/to/file`.",
    )
    database_threads: int = Field(
        4,
        ge=1,
        le=64,
        description="Threads, and with PostgreSQL pooled connections, that one process uses for "
        "queries of its sockets and of GraphQL.",
    )
    redis_url: Annotated[str, AfterValidator(_redis_address)] = Field(
        "",
        description="Redis that carries doorbells between processes (`redis://host:6379/0`). Empty: "
        "none. A change made by one process then reaches the sockets of another within "
        "`WATCH_SECONDS`.",
    )

    # -- delivery -------------------------------------------------------------------------------------
    watch_seconds: float = Field(
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
        "backend.notifications.policy.default_policy",
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
    def is_production(self) -> bool:
        """Whether unsafe settings are refused."""
        return self.environment == "production"

    @property
    def is_development(self) -> bool:
        """Whether conveniences for one developer's machine are on."""
        return self.environment == "development"

    @property
    def serves_pages(self) -> bool:
        """Whether there is a live inbox page."""
        return self.is_development if self.pages is None else self.pages

    @property
    def serves_graphiql(self) -> bool:
        """Whether browsers get GraphiQL."""
        return self.is_development if self.graphiql is None else self.graphiql


@lru_cache(maxsize=1)
def config() -> Config:
    """Return the settings of this process, read from the environment once. Raise WrongSettings."""
    # Tests are told everything by their stack; what the developer's file says would confuse them.
    is_test = os.environ.get("ENVIRONMENT") == "test"
    try:
        settings = Config(_env_file=None if is_test else REPOSITORY / ".env")
    except ValidationError as error:
        raise WrongSettings(_in_one_line(error)) from None
    if settings.is_production:
        return settings
    made_up = {
        name: _kept_secret(name)
        for name in ("secret_key", "jwt_secret")
        if not getattr(settings, name)
    }
    return settings.model_copy(update=made_up)


def _in_one_line(error: ValidationError) -> str:
    wrong = (
        f"{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )
    return f"Wrong settings: {'; '.join(wrong)}. See docs/configuration.md."


def _kept_secret(name: str) -> str:
    """Return a secret that is made up on the first use and kept, so that sessions and tokens survive."""
    path = REPOSITORY / "var" / f"{name}.secret"
    path.parent.mkdir(exist_ok=True)
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text()
