"""Django system checks for the settings in `LIVE_INBOX`. Each message says what to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import strawberry
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.utils.module_loading import import_string
from strawberry.exceptions import DuplicatedTypeName
from strawberry.types import get_object_definition

from live_inbox import database
from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.http_client import address_problem
from live_inbox.identity.authenticators import authenticator
from live_inbox.identity.config import accepts_any_service, can_verify_tokens, check_identity_config
from live_inbox.identity.errors import InvalidIdentityConfig
from live_inbox.limits.rate import InvalidRateLimit, RateLimit
from live_inbox.limits.storage import rate_storage
from live_inbox.type_checks import type_errors

_NEEDED = (
    ("query", "notifications"),
    ("query", "notificationPreferences"),
    ("mutation", "markRead"),
    ("subscription", "notificationEvents"),
)
"""Fields that clients of the inbox need, by their root types."""

SUPPORTED_DATABASES = frozenset({"postgresql", "sqlite"})
"""The vendors, as Django names them, whose upserts, locks and JSON functions the statements use."""


@register(Tags.security)
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong in `LIVE_INBOX`.

    live_inbox.E001: an unknown name, an invalid value, or no USE_TZ. E002: tokens. E004: a rate limit. E005: the send
    policy. E006: a database that cannot hold the inbox. E007: the GraphQL schema. E008: the allowed documents. E020:
    the sender's name. E021: the authenticator. E022: the language of recipients. E030: the storage of rates. E023: the
    time zone of recipients. E024: the links of targets. E025: the webhook of actions. E040 to E049: the declared types
    (`type_checks`).
    live_inbox.W001: no key to verify tokens with, so that all of them are refused. W002: a GraphQL schema without
    fields of the inbox that its clients need. W003: a channel layer that does not exist. W030: an issuer all of whose
    tokens are accepted.
    """
    try:
        inbox_settings()
    except ImproperlyConfigured as error:
        hint = "docs/operating/configuration.md lists every setting."
        return [Error(str(error), hint=hint, id="live_inbox.E001")]
    return list(_errors())


def refuse_invalid_settings() -> None:
    """Raise ImproperlyConfigured if the settings have errors. For ASGI servers, which do not run Django's checks."""
    refuse(check_settings(None))


_ENTRY_COST = 70
"""What a notification with all of its fields costs in a page (`live_inbox_graphql.costs`), and a little more."""


def refuse(messages: Sequence[CheckMessage]) -> None:
    """Raise ImproperlyConfigured with the errors among these messages, if there are any."""
    errors = [message for message in messages if message.level >= 40]
    if errors:
        raise ImproperlyConfigured(" ".join(f"{error.msg} {error.hint or ''}" for error in errors))


def _errors() -> Iterator[CheckMessage]:
    try:
        check_identity_config()
        if not can_verify_tokens():
            yield Warning(
                "There is no key to verify tokens with: all are refused. Sessions work.",
                hint="Set JWT_SECRET, or a SECRET_KEY of at least 32 bytes.",
                id="live_inbox.W001",
            )
        if accepts_any_service():
            yield Warning(
                "Every access token of the issuer opens an inbox, also those that it signs for other services.",
                hint="Set JWT_AUDIENCE, JWT_CLIENT_IDS or JWT_REQUIRE_SCOPES.",
                id="live_inbox.W030",
            )
    except InvalidIdentityConfig as error:
        yield Error(str(error), hint="See the JWT_ settings.", id="live_inbox.E002")
    settings = inbox_settings()
    yield from _rate_errors("SEND_RATE", settings.send_rate)
    yield from _rate_errors("SERVICE_SEND_RATE", settings.service_send_rate)
    yield from _rate_errors("RECIPIENT_RATE", settings.recipient_rate)
    yield from _rate_errors("CHANGE_RATE", settings.change_rate)
    if settings.rate_storage_url:
        yield from _storage_errors()
    yield from _rate_errors("SOCKET_RATE", settings.socket_rate)
    yield from _rate_errors("CONNECTION_RATE", settings.connection_rate)
    yield from _rate_errors("HANDSHAKE_RATE", settings.handshake_rate)
    yield from _rate_errors("OPERATION_RATE", settings.operation_rate)
    yield from _rate_errors("ANONYMOUS_OPERATION_RATE", settings.anonymous_operation_rate)
    yield from _path_errors("SEND_POLICY", settings.send_policy, "live_inbox.E005")
    if settings.sender_name:
        yield from _path_errors("SENDER_NAME", settings.sender_name, "live_inbox.E020")
    if settings.recipient_language:
        yield from _path_errors(
            "RECIPIENT_LANGUAGE", settings.recipient_language, "live_inbox.E022"
        )
    if settings.recipient_time_zone:
        yield from _path_errors(
            "RECIPIENT_TIME_ZONE", settings.recipient_time_zone, "live_inbox.E023"
        )
    yield from _target_errors(settings.target_links)
    yield from _webhook_errors(settings)
    yield from type_errors()
    if settings.max_page_size * _ENTRY_COST > settings.max_query_cost:
        yield Warning(
            "MAX_QUERY_COST refuses a page of MAX_PAGE_SIZE notifications with all of their fields.",
            hint=f"Set it to {_ENTRY_COST} for each notification of a page, at least.",
            id="live_inbox.W004",
        )
    yield from _layer_warnings(settings.channel_layer_alias)
    yield from _database_errors()
    yield from _schema_errors(settings.graphql_schema)
    yield from _documents_errors(settings.allowed_documents)
    try:
        authenticator(settings.authenticator)
    except Exception as error:  # its constructor may raise anything
        yield Error(
            f"AUTHENTICATOR cannot be used: {type(error).__name__}: {error}.",
            hint="Name a class with an async method authenticate: docs/authentication.md.",
            id="live_inbox.E021",
        )


def _path_errors(name: str, path: str, id: str) -> Iterator[CheckMessage]:
    hint = "Name a function as package.module.function."
    try:
        function = import_string(path)
    except Exception as error:  # the project's module may raise anything
        yield Error(f"{name} cannot be imported: {error}.", hint=hint, id=id)
        return
    if not callable(function):
        yield Error(f"{name} is a {type(function).__name__}, and no function.", hint=hint, id=id)


def _target_errors(links: Mapping[str, bool | str]) -> Iterator[CheckMessage]:
    id = "live_inbox.E024"
    for type, declared in links.items():
        if isinstance(declared, str):
            yield from _path_errors(f"TARGET_LINKS.{type}", declared, id)
            continue
        try:
            model = apps.get_model(type)
        except LookupError as error:
            hint = "Name an installed model as app_label.model, or a function."
            yield Error(f"TARGET_LINKS: {error}", hint=hint, id=id)
            continue
        if not hasattr(model, "get_absolute_url"):
            hint = "Give the model get_absolute_url, or name a function that returns the links."
            yield Error(
                f"TARGET_LINKS.{type}: the model has no get_absolute_url.", hint=hint, id=id
            )


def _webhook_errors(settings: InboxSettings) -> Iterator[CheckMessage]:
    id = "live_inbox.E025"
    url = settings.action_webhook_url
    if not url:
        return
    problem = address_problem(url, over_http=bool(django_settings.DEBUG))
    if problem is not None:
        hint = "Name an https address without credentials: requests are signed."
        yield Error(f"ACTION_WEBHOOK_URL {problem}.", hint=hint, id=id)
    if not settings.action_webhook_secrets:
        hint = "Set it to whsec_ and 32 random bytes in base64: docs/webhooks.md."
        yield Error("ACTION_WEBHOOK_SECRETS is empty.", hint=hint, id=id)


def _layer_warnings(alias: str) -> Iterator[CheckMessage]:
    layers = getattr(django_settings, "CHANNEL_LAYERS", {})
    if layers and alias not in layers:
        yield Warning(
            f"CHANNEL_LAYERS has no {alias!r}, which CHANNEL_LAYER_ALIAS names: what other processes send is shown "
            "within RECONCILE_SECONDS.",
            hint=f"There are {', '.join(layers)}.",
            id="live_inbox.W003",
        )


def _database_errors() -> Iterator[CheckMessage]:
    """Yield what is wrong with the database that the routers choose. Connects to nothing."""
    alias, connection = database.alias(), database.connection()
    if connection.vendor not in SUPPORTED_DATABASES:
        yield Error(
            f"The inbox needs PostgreSQL or SQLite, and the database {alias!r} is {connection.vendor}.",
            hint="Write a router that sends the app live_inbox, and the users, to another database.",
            id="live_inbox.E006",
        )
    elif not connection.features.can_return_columns_from_insert:
        yield Error(
            f"The inbox needs SQLite 3.35 or later, and the database {alias!r} is older.",
            hint="Use a Python that is linked with a newer SQLite, or PostgreSQL.",
            id="live_inbox.E006",
        )
    user_model = get_user_model()
    users = router.db_for_write(user_model)
    if users != alias:
        yield Error(
            f"The inbox is in the database {alias!r} and {user_model._meta.label} in {users!r}: notifications have "
            "foreign keys to users.",
            hint="Let your routers return one alias for both.",
            id="live_inbox.E006",
        )


def _schema_errors(path: str) -> Iterator[CheckMessage]:
    if not path:
        return
    hint = "Name a strawberry.Schema as package.module.name."
    try:
        schema = import_string(path)
    except Exception as error:  # the project's module may raise anything
        if isinstance(error, DuplicatedTypeName):
            hint = "Give the inbox's types a prefix: `live_inbox_graphql.name_converter` (docs/graphql.md)."
        message = f"GRAPHQL_SCHEMA cannot be imported: {type(error).__name__}: {error}."
        yield Error(message, hint=hint, id="live_inbox.E007")
        return
    if not isinstance(schema, strawberry.Schema):
        message = f"GRAPHQL_SCHEMA is a {type(schema).__name__}, and no schema."
        yield Error(message, hint=hint, id="live_inbox.E007")
    elif missing := [name for root, name in _NEEDED if not _has_field(schema, root, name)]:
        yield Warning(
            f"GRAPHQL_SCHEMA lacks {', '.join(missing)}, which the web component and other clients ask for.",
            hint="Let your root types extend those of live_inbox_graphql, and give fields of yours other names.",
            id="live_inbox.W002",
        )


def _documents_errors(path: str) -> Iterator[CheckMessage]:
    if not path:
        return
    try:
        # Not imported above: the APIs build on this module's layer.
        import_string("live_inbox_graphql.persisted_documents.allowed_documents")()
    except ImproperlyConfigured as error:
        hint = "Name a JSON file: an object of documents, or Apollo's manifest (docs/graphql.md)."
        yield Error(str(error), hint=hint, id="live_inbox.E008")


def _has_field(schema: strawberry.Schema, root: str, name: str) -> bool:
    """Whether a root type has the inbox's field of this name, not one of the project's."""
    root_type = getattr(schema, root)
    if root_type is None:
        return False
    field = schema.get_field_for_type(name, get_object_definition(root_type, strict=True).name)
    return field is not None and field.origin.__module__.startswith("live_inbox_graphql.")


def _rate_errors(name: str, rate: str) -> Iterator[CheckMessage]:
    try:
        RateLimit.parse(rate)
    except InvalidRateLimit as error:
        yield Error(f"{name}: {error}", id="live_inbox.E004")


def _storage_errors() -> Iterator[CheckMessage]:
    try:
        rate_storage()
    except Exception as error:  # what `limits` and the clients of storages raise
        yield Error(
            f"RATE_STORAGE_URL cannot be used: {type(error).__name__}.",
            hint="Name a storage of the library limits, such as redis://host:6379/0, or `none`.",
            id="live_inbox.E030",
        )
