"""Every setting of the inbox, declared once: name, type, default and description.

A project sets them in Django's settings, in the dictionary `LIVE_INBOX`, by these names in capitals. Those that begin
with `JWT_` or `ACTION_WEBHOOK_` may also stand in a dictionary of their own, without the prefix:

    LIVE_INBOX = {"RECONCILE_SECONDS": 1, "JWT": {"AUDIENCE": "shop"}}

The standalone site reads the same settings from environment variables (`live_inbox_site.environment`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Annotated, Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from live_inbox.client_addresses import Network, TrustedProxies, parse_networks
from live_inbox.notification_channels import IN_APP, Channel, check_slugs
from live_inbox.notification_types import is_type
from live_inbox.origins import AllowedOrigins
from live_inbox.webhook_signatures import secret_in

GROUPS = ("JWT", "ACTION_WEBHOOK")
"""The groups of settings that may stand in dictionaries of their own."""


def _split(value: object) -> object:
    """Return a comma-separated string, as an environment variable holds it, as a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


CommaSeparated = Annotated[list[str], BeforeValidator(_split)]


def _origins(values: list[str]) -> list[str]:
    """Raise ValueError for a value that is not an origin."""
    AllowedOrigins.parse(values)
    return values


def _networks(values: list[str]) -> list[str]:
    """Raise ValueError for a value that is no address and no network."""
    parse_networks(values)
    return values


def _proxies(values: list[str]) -> list[str]:
    """Raise ValueError for what is neither a number of proxies nor networks."""
    TrustedProxies.parse(values)
    return values


def _json_object(value: object) -> object:
    """Return a JSON object, as an environment variable holds it, as a dictionary."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from None


def _headers(values: dict[str, str]) -> dict[str, str]:
    """Raise ValueError for what cannot be a header. The value may be a secret, so the message does not have it."""
    for name, value in values.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(f"{name!r} is not the name of a header")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"the value of {name} has characters that a header cannot have")
    return values


def _webhook_secrets(values: list[str]) -> list[str]:
    """Raise ValueError for what is no secret. The message does not have it."""
    for value in values:
        secret_in(value)
    return values


def _is_dotted_path(text: str) -> bool:
    names = text.split(".")
    return len(names) > 1 and all(name.isidentifier() for name in names)


def _types(value: object) -> object:
    """Return a JSON object as a dictionary, and a dotted path as it is. Raises ValueError for anything else."""
    if not isinstance(value, str) or not _is_dotted_path(value):
        value = _json_object(value)
        if not isinstance(value, Mapping):
            raise ValueError("it is a mapping, or the dotted path of one")
    return value


def _segments(values: dict[str, str]) -> dict[str, str]:
    """Raise ValueError for a name that has not the form of a type, and for what is no dotted path."""
    for name, path in values.items():
        if not is_type(name):
            raise ValueError(f"{name!r} is not a name such as customers")
        if not _is_dotted_path(path):
            raise ValueError(f"{path!r} is not the dotted path of a function")
    return values


def _target_links(values: dict[str, bool | str]) -> dict[str, bool | str]:
    """Return them by models in lower case. Raises ValueError for what is no model, and for what gives no links."""
    for model, links in values.items():
        if len(model.split(".")) != 2 or not _is_dotted_path(model):
            raise ValueError(f"{model!r} is no model, such as shop.order")
        if links is False or (isinstance(links, str) and not _is_dotted_path(links)):
            raise ValueError(f"{model} has neither true nor the dotted path of a function")
    return {model.lower(): links for model, links in values.items()}


class InboxSettings(BaseModel):
    """The settings of the app. An unknown name or invalid value raises `pydantic.ValidationError`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # -- server ---------------------------------------------------------------------------------------
    allowed_origins: Annotated[CommaSeparated, AfterValidator(_origins)] = Field(
        default_factory=list,
        description="Origins of web pages on other hosts that may open sockets and send GraphQL requests (CORS): "
        "`https://app.example.com`, or `https://*.example.com` for a domain with all below it. On sockets and forms, "
        "the session cookie counts for them. Those of apps (`capacitor://localhost`, `tauri://localhost`) and `null` "
        "need a token. The server's own origin is always allowed, and so are clients that send no Origin header: all "
        "that are not browsers.",
    )
    behind_proxy: bool = Field(
        False,
        description="Trust `X-Forwarded-Proto` of a reverse proxy, and require HTTPS of browsers.",
    )
    trusted_proxies: Annotated[CommaSeparated, AfterValidator(_proxies)] = Field(
        default_factory=list,
        description="Reverse proxies whose `X-Forwarded-For` names the client: their addresses or networks "
        "(`10.0.0.0/8`), or the number of proxies one behind the other, if nobody can reach the server but through "
        "them. Not set: none; with `BEHIND_PROXY` one proxy on a loopback or private address.",
    )
    unlimited_addresses: Annotated[CommaSeparated, AfterValidator(_networks)] = Field(
        default_factory=lambda: ["127.0.0.0/8", "::1"],
        description="Addresses and networks to which the limits for one address do not apply: the same machine, and "
        "networks whose users share an address.",
    )
    graphiql: bool | None = Field(
        None,
        description="Serve GraphiQL to browsers at `/graphql/`. Not set: only if Django's DEBUG is on.",
    )
    introspection: bool | None = Field(
        None,
        description="Answer introspection of the GraphQL schema, and suggest names in errors of validation. Not set: "
        "where GraphiQL is served, which needs it.",
    )
    access_log: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the requests and sockets that get a line in the log when they end: 0.01 is one in a "
        "hundred. 0: none.",
    )
    metrics_token: str = Field(
        "",
        repr=False,
        description="Bearer token for `GET /metrics`. Not set: only the same machine may read the metrics, by the "
        "host name `localhost` or a loopback address, and not through a proxy.",
    )
    commit: str = Field(
        "",
        max_length=64,
        description="Commit of the source that is deployed. `/version` and the metric `inbox_build_info` show it.",
    )
    version_endpoint: bool = Field(
        True, description="Answer `GET /version` with the version, and with COMMIT, to everybody."
    )
    drain_seconds: float = Field(
        2.0,
        ge=0,
        le=300,
        description="Seconds that operations on sockets get to finish when the server stops. After that "
        "their sockets are closed without a response, and 8 seconds later the process exits in any case.",
    )
    heartbeat_seconds: float | None = Field(
        None,
        ge=0,
        le=300,
        description="Seconds between the `ping` messages of graphql-transport-ws sockets; a client that has sent "
        "nothing until the next one is disconnected. 0: none. Not set: 20 on servers that send no WebSocket pings "
        "(hypercorn, granian), none on others.",
    )
    fast_path: bool = Field(
        True,
        description="Use the server's own WebSocket protocol class and compiled GraphQL selections, which rely on "
        "internals of uvicorn and graphql-core; `false` turns both off.",
    )
    bypass_middleware: bool | None = Field(
        None,
        description="Serve GraphQL requests over HTTP that carry a token past Django's middleware, at a tenth of the "
        "cost. `false`: no request bypasses it. `true`: also past middleware of your own, which does not see them. "
        "Not set: if all of `MIDDLEWARE` is known to do nothing for such requests: Django's own but LocaleMiddleware "
        "and GZipMiddleware, WhiteNoise's, and the inbox's. Never with your own `AUTHENTICATOR` or `GRAPHQL_SCHEMA`.",
    )
    graphql_schema: str = Field(
        "",
        description="The `strawberry.Schema` that the GraphQL API serves, as `package.module.name`: your own schema, "
        "with the inbox's types in it. Not set: the inbox's own.",
    )
    allowed_documents: str = Field(
        "",
        description="Path of a JSON file with the only GraphQL documents that are executed: an object of texts, such "
        "as graphql-codegen's `persisted-documents.json`, or Apollo's manifest. It is read once. Not set: all are.",
    )
    compile_despite_extensions: bool = Field(
        False,
        description="Deliver subscriptions by compiled selections although the schema of `GRAPHQL_SCHEMA` has "
        "extensions. They then do not run for these subscriptions.",
    )

    # -- dependencies ---------------------------------------------------------------------------------
    database_threads: int = Field(
        4,
        ge=1,
        le=64,
        description="Threads that one process uses for queries of its sockets and of GraphQL. Each keeps a database "
        "connection. The log, authentication, readiness, bulk sends and housekeeping have six more, so that they never "
        "wait for these.",
    )
    database_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Seconds that a request waits for the database, including the wait for a thread. After that it "
        "fails with `SERVICE_UNAVAILABLE`, and its connection is closed.",
    )
    lock_seconds: float = Field(
        5.0,
        ge=0,
        le=300,
        description="Seconds that a statement waits for a lock: PostgreSQL's `lock_timeout`, and on SQLite the wait "
        "for the write lock. 0: as the database says.",
    )
    idle_transaction_seconds: float = Field(
        10.0,
        ge=0,
        le=300,
        description="Seconds that a transaction may be idle, so that a frozen process cannot hold an inbox: "
        "PostgreSQL's `idle_in_transaction_session_timeout`. 0: as the database says.",
    )
    postgres_limits: bool = Field(
        True,
        description="Ask PostgreSQL for `lock_timeout`, `statement_timeout` and `idle_in_transaction_session_timeout` "
        "when connecting. Set it to `false` for a pooler that refuses the startup parameter `options`.",
    )
    rate_storage_url: str = Field(
        "",
        description="Where all processes count rates together, as the library `limits` takes it: "
        "`redis://host:6379/0`, `rediss://...`, `redis+sentinel://host:26379/name`. Not set: the Redis of the channel "
        "layer, if it is one of channels-redis. `none`: each process counts for itself, as it does while the storage "
        "is away.",
    )

    # -- delivery -------------------------------------------------------------------------------------
    channel_layer_alias: str = Field(
        "default",
        description="Alias, in Django's setting `CHANNEL_LAYERS`, of the channel layer that carries doorbells "
        "between processes. Other consumers may use the same layer.",
    )
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
        description="Seconds that an inbox stays in memory after its last socket in this process has "
        "closed, so that a client that reconnects is served without a query.",
    )
    live_events: int = Field(
        128,
        ge=8,
        le=10_000,
        description="Recent events kept in memory for each open inbox: at least this many, at most twice as "
        "many, and none for longer than twice `LINGER_SECONDS`.",
    )

    # -- housekeeping ---------------------------------------------------------------------------------
    housekeeping: bool = Field(
        True,
        description="Let every server process delete expired notifications, end snoozes, deliver scheduled sends and "
        "to the webhook of actions, and prune the logs and the records of bulk sends. If `false`, run `manage.py "
        "prune_events` regularly: it does all of it.",
    )
    new_epochs_after_failover: bool = Field(
        True,
        description="Let a server process give every inbox a new epoch, so that all devices reload, when PostgreSQL "
        "was restored or failed over: when its system identifier or its timeline has changed. If `false`, or without "
        "`HOUSEKEEPING`, devices reload whose fingerprints show that they have received what was lost.",
    )
    expiry_seconds: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="Seconds between searches for expired notifications: the longest that one "
        "stays after its expiry.",
    )
    prune_seconds: float = Field(
        3600.0,
        gt=0,
        le=86_400,
        description="Seconds between prunings of the logs and of bulk sends.",
    )
    log_keep_days: int = Field(
        30,
        ge=1,
        description="Days that events are kept, and so the age up to which a position can be resumed; and days "
        "that a bulk send with an idempotency key is remembered after it was last continued.",
    )
    log_keep_events: int = Field(
        10_000, ge=100, description="Maximum number of events kept for each inbox."
    )

    # -- notifications --------------------------------------------------------------------------------
    max_data_bytes: int = Field(
        8192,
        ge=256,
        le=262_144,
        description="Size limit of a notification's `data`, in bytes of JSON.",
    )
    max_inbox_notifications: int = Field(
        50_000,
        ge=100,
        description="Maximum number of notifications in one inbox, the archive and snoozed ones included. What is sent "
        "to a full one deletes the oldest read ones, and unread ones if there are no others, each with an event.",
    )
    max_pinned_notifications: int = Field(
        100, ge=0, description="Maximum number of pinned notifications in one inbox."
    )
    max_scheduled_sends: int = Field(
        1000,
        ge=0,
        description="Maximum number of sends that one caller of the APIs may have scheduled. Services, with "
        "the scope `notifications:send-to-anyone`, and code may have more.",
    )
    max_preferences: int = Field(
        200,
        ge=0,
        description="Maximum number of types, beside those that `TYPES` declares, that one user may turn on or off.",
    )
    undeclared_types: bool = Field(
        True,
        description="Accept types of notification that `TYPES` does not declare. If `false`, they are refused "
        "wherever something is sent or turned on or off.",
    )
    max_bulk_recipients: int = Field(
        1_000_000,
        ge=1,
        description="Maximum number of recipients of one `send_many`, in the project's code and in the admin. Over the "
        "APIs it is `MAX_RECIPIENTS`.",
    )
    max_topics: int = Field(
        200, ge=0, description="Maximum number of topics that one user may be subscribed to."
    )
    open_topics: CommaSeparated = Field(
        default_factory=list,
        description="Topics that users may subscribe to by themselves over GraphQL; `product.*` stands for all that "
        "begin so. Not set: none, and the project subscribes them.",
    )
    segments: Annotated[
        dict[str, str], BeforeValidator(_json_object), AfterValidator(_segments)
    ] = Field(
        default_factory=dict,
        description="Audiences of campaigns: for each slug the dotted path of a function that returns a queryset of "
        'users. Example: `{"customers": "shop.audiences.customers"}`.',
    )
    types: Annotated[Mapping[Any, Any] | str, BeforeValidator(_types)] = Field(
        default_factory=dict,
        description="Declared types of notification (docs/types.md): for each slug an object with, all optional, "
        "`label` and `description` for users, `category`, `icon`, `required`: whether users cannot turn it off, "
        "`default`: whether those get it who have chosen nothing, `retention_days`, and the templates `title` and "
        "`message`. Or the dotted path of such a mapping, or of a function that returns one. Example: "
        '`{"security": {"label": "Security", "required": true}}`.',
    )
    channels: Annotated[
        dict[str, Channel], BeforeValidator(_json_object), AfterValidator(check_slugs)
    ] = Field(
        default_factory=dict,
        description="Channels beside the inbox (docs/sending.md), by which the project itself delivers: for each slug "
        "an object that may have a `label` for users. Types name them in `default` and `required`, and users choose "
        "among them. `in_app`, the inbox, is always there, and may get a label. Example: "
        '`{"email": {"label": "E-mail"}}`.',
    )
    target_links: Annotated[
        dict[str, bool | str], BeforeValidator(_json_object), AfterValidator(_target_links)
    ] = Field(
        default_factory=dict,
        description="How the objects that notifications are about get links (docs/sending.md): for each model, "
        "`true` for `get_absolute_url`, or the dotted path of a function that takes keys as text and returns links by "
        'them. Example: `{"shop.order": true, "blog.post": "blog.links.links_of"}`.',
    )
    send_policy: str = Field(
        "live_inbox.send_policy.default_policy",
        description="Dotted path of the function that decides who may send to whom over the APIs. It takes the "
        "caller, the primary key of the recipient as text, and the scopes of the caller's token, and returns a bool. "
        "By default everybody may send to themselves, and users with the permission `live_inbox.send_notification` "
        "and tokens with the scope `notifications:send-to-anyone` to anybody.",
    )
    sender_name: str = Field(
        "",
        description="Dotted path of a function that takes a user and returns the name that other users see. With "
        "it, they see no username. Not set: the full name and the username, but never an e-mail address.",
    )

    recipient_language: str = Field(
        "",
        description="Dotted path of a function that takes a user and returns their language code, or None. Lazy "
        "translations in a notification, and the templates of its type, are resolved in the language of its "
        "recipient. Not set: in the active language.",
    )
    recipient_time_zone: str = Field(
        "",
        description="Dotted path of a function that takes a user and returns their time zone, as a name "
        "(`Europe/Berlin`) or a `tzinfo`, or None. Templates show moments in the time zone of the recipient. Not set: "
        "in the current one.",
    )

    # -- webhook of actions ---------------------------------------------------------------------------
    action_webhook_url: str = Field(
        "",
        description="URL that gets a signed `POST` when a user has chosen an action of a notification "
        "(docs/webhooks.md): https, or http to the same machine. With Django's DEBUG, http to any. Not set: none.",
    )
    action_webhook_secrets: Annotated[CommaSeparated, AfterValidator(_webhook_secrets)] = Field(
        default_factory=list,
        repr=False,
        description="Secrets that sign the requests: `whsec_` and 24 to 64 random bytes in base64. Each request has a "
        "signature by each of them, so that the receiver can change from one to the next.",
    )
    action_webhook_seconds: float = Field(
        15.0,
        gt=0,
        le=60,
        description="Seconds that the receiver has for its answer, including name resolution and TLS. After that it is "
        "asked again, later.",
    )

    # -- identity -------------------------------------------------------------------------------------
    authenticator: str = Field(
        "live_inbox.authentication.TokenOrSessionAuthenticator",
        description="Dotted path of the class that finds the caller for what a client presents. The default takes "
        "tokens by the `JWT_` settings and Django sessions.",
    )
    jwt_secret: str = Field(
        "",
        repr=False,
        description="Shared secret that signs tokens, of at least 32 bytes. In a project of your own, the default is "
        "Django's SECRET_KEY with its SECRET_KEY_FALLBACKS. The standalone site needs one in production; in "
        "development it generates one and keeps it in `var/`.",
    )
    jwt_previous_secrets: CommaSeparated = Field(
        default_factory=list,
        repr=False,
        description="Earlier secrets that still verify tokens during a rotation.",
    )
    jwt_algorithms: CommaSeparated = Field(
        default_factory=lambda: ["HS256"],
        description="Accepted signature algorithms, all of one family: HS*, RS*, PS*, ES* or EdDSA. With a JWKS they "
        "may be of several families, because each of its keys has one algorithm.",
    )
    jwt_public_key: str = Field(
        "",
        description="Public keys (PEM) that verify tokens signed elsewhere: one or more, concatenated; "
        "line ends may be written as `\\n`.",
    )
    jwt_jwks_url: str = Field(
        "",
        description="URL of a JWKS document with the public keys that verify tokens: https, or http to the same "
        "machine. With Django's DEBUG, http to any.",
    )
    jwt_jwks_headers: Annotated[
        dict[str, str], BeforeValidator(_json_object), AfterValidator(_headers)
    ] = Field(
        default_factory=dict,
        repr=False,
        description="Headers of the requests for that document, as a JSON object: for issuers that want a key, or "
        "another `User-Agent`.",
    )
    jwt_jwks_stale_seconds: int = Field(
        3600,
        ge=300,
        le=604_800,
        description="Seconds that the keys of that document stay in use while the issuer is unreachable.",
    )
    jwt_audience: str = Field(
        "",
        description="Audience (`aud`) that tokens must have. Empty: with a shared secret it is ignored; "
        "with public keys a token that has one is refused, because it is meant for another service.",
    )
    jwt_issuer: str = Field(
        "", description="Issuer (`iss`) that tokens must have. Empty: not checked."
    )
    jwt_client_ids: CommaSeparated = Field(
        default_factory=list,
        description="Clients of the issuer whose tokens are accepted: the claim `client_id`, `azp`, `cid` or `appid`. "
        "Empty: not checked. For issuers whose access tokens have no audience.",
    )
    jwt_header_types: CommaSeparated = Field(
        default_factory=lambda: ["JWT", "at+jwt"],
        description="Accepted values of the header `typ`. Tokens without it are accepted.",
    )
    jwt_access_types: CommaSeparated = Field(
        default_factory=lambda: ["access", "access_token", "bearer"],
        description="Accepted values of the claims that say what a token is for, such as `token_type`, `token_use`, "
        "`typ` and `purpose`: docs/authentication.md. Tokens without them are accepted.",
    )
    jwt_require_type: bool | None = Field(
        None,
        description="Whether a token must say that it is an access token, by the header `typ` `at+jwt` or by one of "
        "`JWT_ACCESS_TYPES`. Not set: if it is signed with Django's SECRET_KEY, which signs other things, too.",
    )
    jwt_require_scopes: bool = Field(
        False,
        description="Refuse tokens without any `notifications:` scope. Otherwise they have all rights of their user: "
        "docs/authentication.md.",
    )
    jwt_leeway_seconds: int = Field(
        10, ge=0, le=300, description="Tolerated clock difference for token times, in seconds."
    )
    jwt_max_ttl_seconds: int = Field(
        86_400,
        ge=60,
        description="Maximum seconds that a socket lives on one token or session, whatever the token's `exp`.",
    )
    jwt_max_age_seconds: int = Field(
        31_536_000,
        ge=60,
        le=315_360_000,
        description="Age in seconds at which a token is refused, over HTTP as well, whatever its `exp`. One without "
        "`iat` must expire within that time.",
    )
    jwt_user_claims: CommaSeparated = Field(
        default_factory=lambda: ["user_id", "sub"],
        description="Claims that identify the user; the first that is present is used.",
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
        "their tokens are not revoked.",
    )

    account_check_seconds: float = Field(
        1.0,
        ge=0,
        le=60,
        description="Seconds for which a query over HTTP by a token is answered without reading again whether the user "
        "is active and the token not revoked. A change that the app makes or Django announces counts at once, in every "
        "process that a doorbell reaches; one by SQL or `QuerySet.update` after so long. 0: read for each request.",
    )

    token_in_query: bool = Field(
        True,
        description="Take the token of the JSON API from `?token=`, as its original clients send it. URLs end up in "
        "logs: set it to `false` when all clients use a header, a subprotocol or tickets.",
    )
    ticket_bound_to_address: bool = Field(
        True,
        description="Accept a ticket only from the address that it was issued to; of IPv6 addresses, the first 64 bits "
        "count. Set it to `false` where requests and sockets of one client come from different addresses.",
    )
    expiry_warning_seconds: float = Field(
        30.0,
        ge=1,
        le=3600,
        description="Seconds before a token expires at which a socket that asked for it is warned, so that its client "
        "can refresh the token.",
    )

    # -- limits ---------------------------------------------------------------------------------------
    send_rate: str = Field(
        "600/minute burst 100",
        description="Rate limit for one user's sends over the APIs, in all processes that share a storage "
        "(`RATE_STORAGE_URL`). Before processes hear of each other, each may grant a burst.",
    )
    service_send_rate: str = Field(
        "60000/minute burst 20000",
        description="The same for the sends of one service: a caller whose token has the scope "
        "`notifications:send-to-anyone`. All tokens of one user are one service. Each recipient of a bulk counts.",
    )
    recipient_rate: str = Field(
        "600/minute burst 200",
        description="The same for what all callers of the APIs together send to one user.",
    )
    change_rate: str = Field(
        "1200/minute burst 300",
        description="The same for one user's changes of their own inbox over the APIs: marks, deletions, preferences.",
    )
    max_recipients: int = Field(
        10_000, ge=1, description="Maximum number of recipients of one `sendMany`."
    )
    operation_rate: str = Field(
        "100/second burst 500",
        description="Rate limit for one user's GraphQL operations, over HTTP and on sockets together, in all "
        "processes. A document that is new to the process counts as ten, and more if it is long or costly. Services "
        "have `SERVICE_SEND_RATE` instead.",
    )
    anonymous_operation_rate: str = Field(
        "20/second burst 200",
        description="The same for the operations of anonymous callers over HTTP, for each address.",
    )
    socket_rate: str = Field(
        "50/second burst 200",
        description="Rate limit for one socket's messages; a socket that exceeds it is closed.",
    )
    max_connections: int | None = Field(
        None,
        ge=1,
        description="Maximum number of connections of one server process, sockets included. Not set: as many as its "
        "limit of open files allows.",
    )
    max_connections_per_address: int = Field(
        500,
        ge=1,
        description="Maximum number of connections that one address has open for requests in one process. A client of "
        "IPv6 is counted by its /64 network.",
    )
    connection_rate: str = Field(
        "100/second burst 1000",
        description="Rate limit for the new connections of one address, in all processes.",
    )
    max_sockets_per_address: int = Field(
        2000, ge=1, description="Maximum number of sockets of one address in one process."
    )
    handshake_rate: str = Field(
        "50/second burst 1000",
        description="Rate limit for the WebSocket handshakes of one address, in all processes.",
    )
    max_sockets_per_user: int = Field(
        1000, ge=1, description="Maximum number of sockets of one user in one process."
    )
    max_message_bytes: int = Field(
        65_536, ge=1024, description="Size limit of one WebSocket message from a client."
    )
    max_body_bytes: int = Field(
        2_621_440,
        ge=1024,
        description="Size limit of the body of an HTTP request to the site, and to any project on a server with the "
        "HTTP protocol class of docs/operating/commands.md; a larger one is refused with 413 before it is read. Raise "
        "it if your project takes uploads.",
    )
    max_subscriptions_per_socket: int = Field(
        20,
        ge=1,
        le=1000,
        description="Maximum number of concurrent GraphQL operations on one socket.",
    )
    connection_init_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Timeout in seconds for a GraphQL socket to send `connection_init`, and for authenticating a "
        "client of either API.",
    )
    max_page_size: int = Field(
        100, ge=1, le=1000, description="Maximum page size of a list of notifications."
    )
    max_request_bytes: int = Field(
        1_048_576,
        ge=1024,
        description="Size limit of the body of a GraphQL request over HTTP, which may have to hold the recipients of a "
        "`sendMany`.",
    )
    max_query_characters: int = Field(
        16_384, ge=1024, description="Maximum length of a GraphQL document, in characters."
    )
    max_query_depth: int = Field(12, ge=4, description="Maximum depth of a GraphQL selection.")
    max_query_tokens: int = Field(
        2000, ge=100, description="Maximum length of a GraphQL document, in tokens."
    )
    max_query_cost: int = Field(
        10_000,
        ge=100,
        description="Maximum cost of a GraphQL operation, known before it is executed: a field costs 1, a list that of "
        "one entry times its length, and each entry of a page 20 more. A page of `MAX_PAGE_SIZE` notifications with "
        "all fields costs some 70 for each.",
    )
    max_response_bytes: int = Field(
        8_388_608,
        ge=65_536,
        description="Maximum size of the result of a GraphQL operation. A page of `MAX_PAGE_SIZE` notifications with "
        "the longest texts and `MAX_DATA_BYTES` has to fit.",
    )
    max_query_aliases: int = Field(
        30, ge=1, description="Maximum number of aliases in a GraphQL document."
    )

    @property
    def serves_graphiql(self) -> bool:
        """Whether browsers are served GraphiQL at `/graphql/`."""
        return bool(django_settings.DEBUG) if self.graphiql is None else self.graphiql

    @property
    def introspects(self) -> bool:
        """Whether clients may ask for the GraphQL schema."""
        return self.serves_graphiql if self.introspection is None else self.introspection

    @cached_property
    def all_channels(self) -> dict[str, Channel]:
        """The channels of the site by their slugs: the inbox, then the others in the order of their declaration."""
        return {IN_APP: Channel()} | self.channels

    @cached_property
    def proxies(self) -> TrustedProxies:
        """The reverse proxies that are believed."""
        return TrustedProxies.parse(self.trusted_proxies, behind_proxy=self.behind_proxy)

    @cached_property
    def origins(self) -> AllowedOrigins:
        """The origins of pages on other hosts that are allowed."""
        return AllowedOrigins.parse(self.allowed_origins)

    @cached_property
    def unlimited_networks(self) -> tuple[Network, ...]:
        """The networks whose addresses have no limits of their own."""
        return parse_networks(self.unlimited_addresses)


@lru_cache(maxsize=1)
def inbox_settings() -> InboxSettings:
    """Return the settings, read from Django's settings at the first call and memoized.

    Raises ImproperlyConfigured, naming each wrong setting, or without USE_TZ.
    """
    if not django_settings.USE_TZ:
        # Without it, the databases drop the time zones of moments, and an hour of each autumn is ambiguous.
        raise ImproperlyConfigured(
            "The inbox needs USE_TZ = True: its events are ordered moments in UTC."
        )
    given = _flat(getattr(django_settings, "LIVE_INBOX", {}))
    problems = list(_unknown(given))
    try:
        if not problems:
            return InboxSettings(**{name.lower(): value for name, value in given.items()})
    except ValidationError as error:
        problems = [explain(error)]
    raise ImproperlyConfigured(f"Wrong settings in LIVE_INBOX: {'; '.join(problems)}.")


def _flat(given: object) -> dict[str, Any]:
    """Return the settings with the nested groups as prefixed names. Raises ImproperlyConfigured."""
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured("LIVE_INBOX must be a dictionary.")
    flat = {str(name): value for name, value in given.items() if name not in GROUPS}
    for prefix in GROUPS:
        group = given.get(prefix, {})
        if not isinstance(group, Mapping):
            raise ImproperlyConfigured(
                f"Wrong settings in LIVE_INBOX: {prefix} must be a dictionary."
            )
        for name, value in group.items():
            prefixed = f"{prefix}_{name}"
            if prefixed in flat:
                raise ImproperlyConfigured(
                    f"Wrong settings in LIVE_INBOX: {prefixed} is set twice, here and in {prefix}."
                )
            flat[prefixed] = value
    return flat


def _unknown(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each name that is not a setting, with the nearest one that is."""
    known = [name.upper() for name in InboxSettings.model_fields]
    for name in given:
        if name not in known:
            nearest = get_close_matches(name.upper(), known, n=1)
            yield f"there is no {name}" + (f"; did you mean {nearest[0]}?" if nearest else "")


def explain(error: ValidationError) -> str:
    """Return the errors with the names of the settings, in one line."""
    return "; ".join(
        f"{_place(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Return the name of a setting, with the keys below it: `TYPES.billing.label`."""
    name, *keys = map(str, location)
    return ".".join([name.upper(), *keys])


@receiver(setting_changed)
def _read_again(*, setting: str, **kwargs: Any) -> None:
    """Read the settings again after a test has overridden them."""
    if setting in ("LIVE_INBOX", "DEBUG", "USE_TZ"):
        inbox_settings.cache_clear()
