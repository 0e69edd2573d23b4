"""frontend/client/documents.ts, made from the GraphQL schema: a typed document of each field of the roots."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    print_ast,
)

from live_inbox_graphql.schema import sdl
from live_inbox_site.client_types import SCALARS, client_types

_HEAD = """\
/**
 * A document of each query, mutation and subscription of the GraphQL schema, with the types of its variables and its
 * result: for Apollo, urql and others that take parsed documents. Printed by `manage.py print_client_documents`: change
 * the schema instead.
 */

import type {{ {names} }} from "./schema.js";
import {{ NOTIFICATION_FIELDS }} from "./schema.js";
import {{ typedDocument }} from "./typed_document.js";
"""

_LEFT_OUT = {("NotificationConnection", "edges")}
"""Fields that no document selects: `nodes` has the same notifications."""


def client_documents() -> str:
    """Return the module."""
    return _Module(build_schema(sdl())).text()


class _Module:
    """Collects the types that the documents use, each once, in the order in which they are met."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._types: dict[str, str] = {}
        self._imported: set[str] = set()
        declared = client_types()
        self._declared = {
            name
            for name in schema.type_map
            if f"export interface {name} " in declared or f"export type {name} " in declared
        }

    def text(self) -> str:
        documents = "\n".join(self._documents())
        head = _HEAD.format(names=", ".join(sorted(self._imported)))
        return "\n".join([head, self._possible_types(), *self._types.values(), documents])

    def _possible_types(self) -> str:
        """Return which types each interface has, as Apollo's cache takes it."""
        lines = []
        for name, kind in sorted(self._schema.type_map.items()):
            if isinstance(kind, GraphQLInterfaceType):
                names = ", ".join(
                    f'"{each.name}"' for each in self._schema.get_possible_types(kind)
                )
                lines.append(f"  {name}: [{names}],")
        return (
            "/** The types that each interface stands for, for Apollo's `InMemoryCache`. */\n"
            "export const possibleTypes: Record<string, string[]> = {\n"
            + "\n".join(lines)
            + "\n};\n"
        )

    def _documents(self) -> Iterator[str]:
        for kind, root in (
            ("query", self._schema.query_type),
            ("mutation", self._schema.mutation_type),
            ("subscription", self._schema.subscription_type),
        ):
            assert root is not None
            for name, field in root.fields.items():
                yield self._document(kind, name, field)

    def _document(self, kind: str, name: str, field: GraphQLField) -> str:
        title = name[0].upper() + name[1:]
        declared = ", ".join(
            f"${key}: {each.type}{_default(each)}" for key, each in field.args.items()
        )
        given = ", ".join(f"{key}: ${key}" for key in field.args)
        selection = self._selection(get_named_type(field.type))
        text = (
            f"{kind} {title}{f'({declared})' if declared else ''} "
            f"{{ {name}{f'({given})' if given else ''}{selection} }}"
        )
        if "...NotificationFields" in text:
            text += " ${NOTIFICATION_FIELDS}"
        variables = "; ".join(
            f"{key}{self._given(each, is_required_argument(each))}"
            for key, each in field.args.items()
        )
        shown = f"{{ {variables} }}" if variables else "Record<string, never>"
        comment = f"/** {field.description} */\n" if field.description else ""
        return (
            f"{comment}export const {title}Document = /* @__PURE__ */ typedDocument<\n"
            f"  {{ {name}: {self._type(field.type)} }},\n  {shown}\n"
            f">(/* GraphQL */ `{text}`);\n"
        )

    # -- selections ---------------------------------------------------------------------------------------

    def _selection(self, kind: GraphQLNamedType) -> str:
        """Return the selection of all fields of a type, in braces; nothing for a type without fields."""
        if isinstance(kind, GraphQLInterfaceType):
            return f" {{ {self._selection_of_interface(kind)} }}"
        if not isinstance(kind, GraphQLObjectType):
            return ""
        if kind.name == "Notification":
            return " { ...NotificationFields }"
        return f" {{ {' '.join(self._selected(kind))} }}"

    def _selected(self, kind: GraphQLObjectType | GraphQLInterfaceType) -> Iterator[str]:
        for name, field in _fields(kind).items():
            yield name + self._selection(get_named_type(field.type))

    def _selection_of_interface(self, interface: GraphQLInterfaceType) -> str:
        parts = ["__typename", *self._selected(interface)]
        for kind in self._schema.get_possible_types(interface):
            own = [text for text in self._selected(kind) if text not in parts]
            if kind.name == "Notification":
                own = ["...NotificationFields"]
            # A selection must not be empty.
            if own:
                parts.append(f"... on {kind.name} {{ {' '.join(own)} }}")
        return " ".join(parts)

    # -- types --------------------------------------------------------------------------------------------

    def _type(self, kind: GraphQLOutputType | GraphQLInputType) -> str:
        """Return the type in TypeScript."""
        if isinstance(kind, GraphQLNonNull):
            return self._not_null(kind.of_type)
        return f"{self._not_null(kind)} | null"

    def _not_null(self, kind: GraphQLOutputType | GraphQLInputType) -> str:
        if not isinstance(kind, GraphQLList):
            return self._named(get_named_type(kind))
        entry = self._type(kind.of_type)
        return f"({entry})[]" if "|" in entry else f"{entry}[]"

    def _named(self, kind: GraphQLNamedType) -> str:
        if kind.name in SCALARS:
            return SCALARS[kind.name]
        if kind.name in self._declared:
            self._imported.add(kind.name)
        elif kind.name not in self._types:
            # First nothing, for a type that has itself in it.
            self._types[kind.name] = ""
            self._types[kind.name] = self._declaration(kind)
        return kind.name

    def _declaration(self, kind: GraphQLNamedType) -> str:
        comment = f"/** {kind.description} */\n" if kind.description else ""
        if isinstance(kind, GraphQLEnumType):
            values = "".join(f'\n  | "{value}"' for value in kind.values)
            return f"{comment}export type {kind.name} ={values};\n"
        if isinstance(kind, GraphQLInterfaceType):
            kinds = "".join(
                f'\n  | ({{ __typename: "{each.name}" }} & {self._named(each)})'
                for each in self._schema.get_possible_types(kind)
            )
            return f"{comment}export type {kind.name} ={kinds};\n"
        if isinstance(kind, GraphQLInputObjectType):
            lines = [
                f"  {name}{self._given(field, is_required_input_field(field))};"
                for name, field in kind.fields.items()
            ]
        else:
            assert isinstance(kind, GraphQLObjectType)
            lines = [
                f"  {name}: {self._type(field.type)};" for name, field in _fields(kind).items()
            ]
        return f"{comment}export interface {kind.name} {{\n" + "\n".join(lines) + "\n}\n"

    def _given(self, value: GraphQLArgument | GraphQLInputField, is_required: bool) -> str:
        """Return the type of an argument or a field of an input, with the mark of one that may be left out."""
        return f"{'' if is_required else '?'}: {self._type(value.type)}"


def _fields(kind: GraphQLObjectType | GraphQLInterfaceType) -> dict[str, GraphQLField]:
    return {
        name: field for name, field in kind.fields.items() if (kind.name, name) not in _LEFT_OUT
    }


def _default(argument: GraphQLArgument) -> str:
    """Return the default value of a variable for an argument: without one, it would have to be given."""
    node = argument.ast_node
    return (
        "" if node is None or node.default_value is None else f" = {print_ast(node.default_value)}"
    )
