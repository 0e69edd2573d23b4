"""The schema, composed of its types; or the one of the project, which has them in it."""

from __future__ import annotations

from functools import lru_cache

import strawberry
from django.utils.module_loading import import_string
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
)
from strawberry.schema.config import StrawberryConfig

from live_inbox.conf import inbox_settings
from live_inbox.internals.strawberry_schema import core_schema
from live_inbox_graphql.events import EVENT_TYPES
from live_inbox_graphql.mutations import Mutation
from live_inbox_graphql.queries import Query
from live_inbox_graphql.scalars import SCALARS
from live_inbox_graphql.served_schema import ServedSchema
from live_inbox_graphql.subscriptions import Subscription


def build() -> ServedSchema:
    """Create our own schema, with its own cache of documents."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=EVENT_TYPES,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    _drop_null_defaults(core_schema(schema))
    return ServedSchema(schema, is_own=True)


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """Print `after: String`, not `after: String = null`: resolvers have their own defaults."""
    values: list[GraphQLArgument | GraphQLInputField] = []
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            values += kind.fields.values()
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            values += [value for field in kind.fields.values() for value in field.args.values()]
    for value in values:
        if value.default_value is None:
            value.default_value = Undefined


@lru_cache(maxsize=1)
def own_schema() -> ServedSchema:
    """Return our own schema, built at the first call."""
    return build()


def configured_schema() -> ServedSchema:
    """Return the schema that GRAPHQL_SCHEMA names; without the setting, our own. Raises ImportError."""
    path = inbox_settings().graphql_schema
    return _project_schema(path) if path else own_schema()


@lru_cache(maxsize=4)
def _project_schema(path: str) -> ServedSchema:
    return ServedSchema(import_string(path))


def sdl() -> str:
    """Return our own schema as it is committed in `schema.graphql`."""
    return own_schema().schema.as_str() + "\n"
