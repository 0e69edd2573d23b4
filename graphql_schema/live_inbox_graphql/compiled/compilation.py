"""From a selection to functions that read it. graphql-core decides which fields are selected.

Each function is one expression of Python, made of text as `dataclasses` makes its methods:

    lambda it: {"id": str(it.id), "title": it.title, "link": it.link or None, ...}

A function for each field, called one after the other, takes twice to three times as long. The text consists of the
expressions in `sources` and of names that GraphQL allows, which are letters, digits and underscores; nothing else that
a client has written gets into it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, NoReturn

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationType,
    get_operation_ast,
    specified_scalar_types,
)
from graphql.type import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

from live_inbox.internals.graphql_execution import (
    CollectedFields,
    Executor,
    FieldDetails,
    collect_fields,
    collect_subfields,
)
from live_inbox.internals.strawberry_schema import definition_of, warn_once
from live_inbox_graphql.compiled.field_expressions import NAMES, SOURCES
from live_inbox_graphql.compiled.rendering import Read
from live_inbox_graphql.scalars import SCALARS

MAX_FIELDS = 2000
"""Fields of one compiled selection, all types of events together. Few documents within the limits come to a quarter."""

_ARGUMENTS = {"after", "types"}
QUERIES = "live_inbox_graphql.queries"
MUTATIONS = "live_inbox_graphql.mutations"
_SUBSCRIPTIONS = "live_inbox_graphql.subscriptions"
_OURS = ("live_inbox_graphql.", "strawberry.relay.")
"""The modules of the classes in `SOURCES`."""


def executor_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any] | None,
    operation_type: OperationType,
) -> Executor[Any] | None:
    """Return what executes an operation of this type; None for one of another type, or with wrong variables."""
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not operation_type:
        return None
    executor = Executor.build(
        schema,
        document,
        raw_variable_values=dict(variables or {}),
        operation_name=operation_name,
    )
    return executor if isinstance(executor, Executor) else None


def nodes_of(document: DocumentNode) -> Iterator[Any]:
    """Yield all that may have directives: definitions and selections, of unused fragments included."""
    nodes: list[Any] = list(document.definitions)
    while nodes:
        node = nodes.pop()
        yield node
        selection_set = getattr(node, "selection_set", None)
        if selection_set is not None:
            nodes.extend(selection_set.selections)


class UnsupportedSelection(Exception):
    """Raised for a selection that has to be left to graphql-core."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields of events that an operation selects."""

    node: FieldNode
    """The field of the operation, with its arguments."""
    name: str
    """Its name in the response."""
    readers: Mapping[str, Read]
    """The reader of each type of event."""
    size: int
    """The number of selected fields."""


def compile_selection(executor: Executor[Any]) -> Selection:
    """Return the selection of an operation; raise UnsupportedSelection, or graphql-core's GraphQLError."""
    root = executor.schema.subscription_type
    if root is None:
        raise UnsupportedSelection("no subscriptions")
    collected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    )
    groups = _grouped(collected)
    if len(groups) != 1:
        raise UnsupportedSelection("not one root field")
    ((name, details),) = groups.items()
    node = details[0].node
    events = _type_of_events(root, node.name.value)
    compiler = _Compiler(executor)
    kinds = executor.schema.get_possible_types(events)
    readers = {_class_name(kind): compiler.reader(kind, details) for kind in kinds}
    return Selection(node, name, readers, compiler.size)


@dataclass(frozen=True, slots=True)
class RootField:
    """A field of the root type that an operation selects."""

    nodes: tuple[FieldNode, ...]
    """The field with its arguments, as often as it occurs in the document."""
    name: str
    """Its name in the response."""
    read: Read | None
    """The reader of what it gives; None for `__typename`."""

    @property
    def node(self) -> FieldNode:
        """The field where it occurs first."""
        return self.nodes[0]


def compile_root_fields(
    executor: Executor[Any], names: Collection[str], module: str
) -> tuple[list[RootField], int]:
    """Return the fields that a query or a mutation selects, and how many these select in all.

    Each has to be `__typename`, or a field of ours with one of these names, whose resolver is in this module.

    Raises UnsupportedSelection, or graphql-core's GraphQLError.
    """
    root = executor.schema.get_root_type(executor.operation.operation)
    if root is None:
        raise UnsupportedSelection("no such operations")
    collected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    )
    compiler = _Compiler(executor)
    found = []
    for name, details in _grouped(collected).items():
        nodes = tuple(each.node for each in details)
        field_name = nodes[0].name.value
        field = root.fields.get(field_name)
        if field_name == "__typename":
            found.append(RootField(nodes, name, None))
        elif field is None or field_name not in names or not _is_ours(field, module):
            raise UnsupportedSelection("another root field")
        else:
            kind = _without_non_null(field.type)
            if not isinstance(kind, GraphQLObjectType):
                raise UnsupportedSelection("another type")
            found.append(RootField(nodes, name, compiler.reader(kind, details)))
    return found, compiler.size + len(found)


def _type_of_events(root: GraphQLObjectType, name: str) -> GraphQLInterfaceType:
    """Return the interface of events that a field of the subscription type returns; the field has to be ours."""
    field = root.fields.get(name)
    if field is None or not _is_ours(field, _SUBSCRIPTIONS) or not set(field.args) <= _ARGUMENTS:
        raise UnsupportedSelection("another root field")
    events = _without_non_null(field.type)
    if not isinstance(events, GraphQLInterfaceType):
        raise UnsupportedSelection("another type")
    return events


def _is_ours(field: GraphQLField, module: str) -> bool:
    """Return whether a field is that of our module, as we declare it: a project's subclass may have its own."""
    definition = definition_of(field)
    if definition is None:
        warn_once()
        return False
    resolver = definition.base_resolver
    is_plain = not definition.extensions and not definition.permission_classes
    return is_plain and resolver is not None and resolver.wrapped_func.__module__ == module


def _class_name(kind: GraphQLObjectType) -> str:
    """Return the name of our class that a type was made of, whatever its name in the schema; else an empty one."""
    origin: Any = getattr(definition_of(kind), "origin", None)
    if origin is None or not origin.__module__.startswith(_OURS):
        return ""
    return str(origin.__name__)


def _grouped(collected: CollectedFields) -> Mapping[str, list[FieldDetails]]:
    if collected.new_defer_usages:
        raise UnsupportedSelection("incremental delivery")
    return collected.grouped_field_set


class _Compiler:
    """Compiles the readers of one operation, and counts their fields."""

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor
        self.size = 0

    def reader(self, parent: GraphQLObjectType, selected_by: list[FieldDetails]) -> Read:
        """Return the reader of everything that these fields select of an object type."""
        executor = self._executor
        collected = collect_subfields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            executor.operation,
            parent,
            selected_by,
        )
        groups = _grouped(collected)
        self.size += len(groups)
        if self.size > MAX_FIELDS:
            raise UnsupportedSelection("too many fields")
        names: dict[str, object] = {**NAMES, "UTC": UTC}
        fields = [
            f"{name!r}: {self._value(parent, details, names)}" for name, details in groups.items()
        ]
        read: Read = eval(f"lambda it: {{{', '.join(fields)}}}", names)  # noqa: S307  # names of responses are literals
        return read

    def _value(
        self, parent: GraphQLObjectType, details: list[FieldDetails], names: dict[str, object]
    ) -> str:
        """Return the expression for a field; adds the names that it uses."""
        name = details[0].node.name.value
        if name == "__typename":
            return repr(parent.name)
        field = parent.fields.get(name)
        source = SOURCES.get(_class_name(parent), {}).get(name)
        if field is None or field.args or source is None:
            raise UnsupportedSelection(f"{parent.name}.{name}")
        kind = _without_non_null(field.type)
        is_nullable = kind is field.type
        if isinstance(kind, GraphQLObjectType):
            read = _named(names, self.reader(kind, details))
            null = "None" if is_nullable else f"{_named(names, _refused)}()"
            return f"({null} if (value := {source}) is None else {read}(value))"
        if isinstance(kind, GraphQLList):
            return self._list(source, kind, details, names)
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            return _leaf(source, kind, is_nullable, names)
        raise UnsupportedSelection(f"{parent.name}.{name}")

    def _list(
        self,
        source: str,
        kind: GraphQLList[Any],
        details: list[FieldDetails],
        names: dict[str, object],
    ) -> str:
        """Return the expression for a list of objects or scalars, none of which is null."""
        entry = _without_non_null(kind.of_type)
        if isinstance(entry, GraphQLScalarType):
            return f"[{_leaf('each', entry, False, names)} for each in {source}]"
        if not isinstance(entry, GraphQLObjectType):
            raise UnsupportedSelection("another list")
        read = _named(names, self.reader(entry, details))
        return f"[{read}(each) for each in {source}]"


def _without_non_null(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def _named(names: dict[str, object], value: object) -> str:
    """Return a new name for a value that an expression uses."""
    name = f"_{len(names)}"
    names[name] = value
    return name


def _leaf(source: str, kind: GraphQLLeafType, is_nullable: bool, names: dict[str, object]) -> str:
    """Return the expression for a scalar. Skips scalars that would return the value unchanged.

    Nor is it looked at: an event was checked when it was read, so a string is a string.
    """
    # A project's schema may have scalars of its own by these names.
    is_known = kind in specified_scalar_types.values() or definition_of(kind) in SCALARS.values()
    known = kind.name if is_known else ""
    match known:
        case "String" | "ID" | "Boolean" | "JSON":
            return source
    coerced = _named(names, _coerced(kind, is_nullable))
    match known:
        case "Int":
            is_plain = f"{GRAPHQL_MIN_INT} <= (value := {source}) <= {GRAPHQL_MAX_INT}"
        case "DateTime":
            # orjson writes moments in UTC as the scalar does, but ten times faster.
            is_plain = f"(value := {source}) is not None and value.tzinfo is UTC"
        case _:
            return f"{coerced}({source})"
    return f"(value if {is_plain} else {coerced}(value))"


def _coerced(kind: GraphQLLeafType, is_nullable: bool) -> Callable[[Any], object]:
    """Return the scalar's conversion as a function."""
    coerce = kind.coerce_output_value

    def coerced(value: Any) -> object:
        if value is None:
            return None if is_nullable else _refused()
        result = coerce(value)
        return _refused() if result is None else result

    return coerced


def _refused() -> NoReturn:
    raise ValueError("null where the schema promises a value")
