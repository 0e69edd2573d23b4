"""frontend/client/schema.ts, made from the GraphQL schema: the types of events, and the documents that select them."""

from __future__ import annotations

from collections.abc import Iterable

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
)

from live_inbox_graphql.errors import Code
from live_inbox_graphql.schema import sdl

_HEAD = """\
/**
 * The types of events, as the GraphQL schema has them, and the documents that select all of their fields. Printed by
 * `manage.py print_client_types`: change the schema instead.
 */
"""
SCALARS = {
    "Boolean": "boolean",
    "DateTime": "string",
    "Float": "number",
    "ID": "string",
    "Int": "number",
    "JSON": "unknown",
    "String": "string",
}
_OBJECTS = (
    "InboxUser",
    "NotificationActor",
    "NotificationTarget",
    "NotificationAction",
    "Notification",
)
_EVENTS = "NotificationEvent"
_LEFT_OUT = {("NotificationTarget", "link")}
"""What is read from the database for it, and so no part of events."""


def client_types() -> str:
    """Return the module."""
    schema = build_schema(sdl())
    events = _events(schema)
    parts = [_HEAD]
    objects = [_object(schema, name) for name in _OBJECTS]
    parts += [_interface(kind, typename=False) for kind in objects]
    parts += [_union(enum.name, enum.values) for enum in _enums([*objects, *events])]
    parts += [_interface(event, typename=True) for event in events]
    parts.append(f"export type {_EVENTS} =\n  | " + "\n  | ".join(e.name for e in events) + ";\n")
    parts.append(_union("ErrorCode", (code.value for code in Code)))
    parts.append(_notification_fields(_object(schema, "Notification")))
    parts.append(_events_document(schema, events))
    return "\n".join(parts)


def _object(schema: GraphQLSchema, name: str) -> GraphQLObjectType:
    found = schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def _events(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    interface = schema.type_map[_EVENTS]
    assert isinstance(interface, GraphQLInterfaceType)
    return list(schema.get_possible_types(interface))


def _enums(kinds: Iterable[GraphQLObjectType]) -> list[GraphQLEnumType]:
    """Return the enumerations that fields of these types have, each once."""
    named = (get_named_type(field.type) for kind in kinds for field in kind.fields.values())
    return list(dict.fromkeys(kind for kind in named if isinstance(kind, GraphQLEnumType)))


def _fields(kind: GraphQLObjectType) -> list[tuple[str, GraphQLField]]:
    """Return the fields of a type that clients select."""
    return [each for each in kind.fields.items() if (kind.name, each[0]) not in _LEFT_OUT]


def _interface(kind: GraphQLObjectType, *, typename: bool) -> str:
    lines = [f'  __typename: "{kind.name}";'] if typename else []
    lines += [f"  {name}: {_type(field)};" for name, field in _fields(kind)]
    comment = f"/** {kind.description} */\n" if kind.description else ""
    return f"{comment}export interface {kind.name} {{\n" + "\n".join(lines) + "\n}\n"


def _type(field: GraphQLField) -> str:
    named = get_named_type(field.type).name
    is_never_null = isinstance(field.type, GraphQLNonNull)
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    many = "[]" if isinstance(kind, GraphQLList) else ""
    return SCALARS.get(named, named) + many + ("" if is_never_null else " | null")


def _union(name: str, values: Iterable[str]) -> str:
    return f"export type {name} =\n  | " + "\n  | ".join(f'"{value}"' for value in values) + ";\n"


def _notification_fields(kind: GraphQLObjectType) -> str:
    return (
        "export const NOTIFICATION_FIELDS = /* GraphQL */ `\n"
        "  fragment NotificationFields on Notification {\n"
        f"    {_selection(kind)}\n"
        "  }\n`;\n"
    )


def _selection(kind: GraphQLObjectType) -> str:
    """Return a selection of all fields of a type."""
    fields = []
    for name, field in _fields(kind):
        named = get_named_type(field.type)
        if named.name == "Notification":
            fields.append(f"{name} {{ ...NotificationFields }}")
        elif isinstance(named, GraphQLObjectType):
            fields.append(f"{name} {{ {_selection(named)} }}")
        else:
            fields.append(name)
    return " ".join(fields)


def _events_document(schema: GraphQLSchema, events: Iterable[GraphQLObjectType]) -> str:
    interface = schema.type_map[_EVENTS]
    assert isinstance(interface, GraphQLInterfaceType)
    shared = list(interface.fields)
    lines = []
    for event in events:
        selection = _selection(event)
        own = selection.removeprefix(" ".join(shared)).strip()
        # A selection must not be empty.
        if own:
            lines.append(f"      ... on {event.name} {{ {own} }}")
    return (
        "/** The document that `follow` subscribes with. */\n"
        "export const EVENTS_DOCUMENT = /* GraphQL */ `\n"
        "  subscription NotificationEvents($after: String) {\n"
        "    notificationEvents(after: $after) {\n"
        f"      __typename {' '.join(shared)}\n" + "\n".join(lines) + "\n"
        "    }\n  }\n  ${NOTIFICATION_FIELDS}\n`;\n"
    )
