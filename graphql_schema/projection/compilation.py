"""From a selection to its readers. Which fields are selected is graphql-core's to say, never ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetails,
    collect_fields,
    collect_subfields,
)
from graphql.type import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

from graphql_schema.projection.sources import SOURCES, Read

Fields = tuple[tuple[str, Read], ...]
"""The names in the response, in their order, and how the value of each is read from the object's source."""

MAX_FIELDS = 2000
"""Fields of one projection, all types of events together. Few documents within the limits come to a quarter."""

_ROOT_FIELD = "notificationEvents"
_ARGUMENTS = {"after", "types"}


class NotCovered(Exception):
    """Raised for what has to be left to graphql-core."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What an operation selects of the events."""

    node: FieldNode
    """The field of the operation, with its arguments."""
    name: str
    """Its name in the response."""
    fields: Mapping[str, Fields]
    """What is selected of each type of event."""
    size: int
    """How many fields there are in all."""


def compile_selection(executor: Executor[Any]) -> Selection:
    """Return what an operation selects; raise NotCovered, or graphql-core's GraphQLError."""
    root = executor.schema.subscription_type
    if root is None:
        raise NotCovered("no subscriptions")
    collected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    )
    groups = _grouped(collected)
    if len(groups) != 1:
        raise NotCovered("not one root field")
    ((name, details),) = groups.items()
    node = details[0].node
    events = _type_of_events(root, node.name.value)
    compiler = _Compiler(executor)
    kinds = executor.schema.get_possible_types(events)
    fields = {kind.name: compiler.fields(kind, details) for kind in kinds}
    return Selection(node, name, fields, compiler.size)


def _type_of_events(root: GraphQLObjectType, name: str) -> GraphQLInterfaceType:
    field = root.fields.get(name)
    if name != _ROOT_FIELD or field is None or set(field.args) != _ARGUMENTS:
        raise NotCovered("another root field")
    events = _without_non_null(field.type)
    if not isinstance(events, GraphQLInterfaceType):
        raise NotCovered("another type")
    return events


def _grouped(collected: CollectedFields) -> Mapping[str, list[FieldDetails]]:
    if collected.new_defer_usages:
        raise NotCovered("incremental delivery")
    return collected.grouped_field_set


class _Compiler:
    """Makes the readers of one operation, and counts them."""

    def __init__(self, executor: Executor[Any]) -> None:
        self._executor = executor
        self.size = 0

    def fields(self, parent: GraphQLObjectType, selected_by: list[FieldDetails]) -> Fields:
        """Return the readers of what these fields together select of an object of that type."""
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
            raise NotCovered("too many fields")
        return tuple((name, self._reader(parent, details)) for name, details in groups.items())

    def _reader(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> Read:
        name = details[0].node.name.value
        if name == "__typename":
            return _always(parent.name)
        field = parent.fields.get(name)
        read = SOURCES.get(parent.name, {}).get(name)
        if field is None or field.args or read is None:
            raise NotCovered(f"{parent.name}.{name}")
        kind = _without_non_null(field.type)
        is_nullable = kind is field.type
        if isinstance(kind, GraphQLObjectType):
            return _object(read, self.fields(kind, details), is_nullable)
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            return _leaf(read, kind, is_nullable)
        raise NotCovered(f"{parent.name}.{name}")


def _without_non_null(kind: Any) -> Any:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def _always(name: str) -> Read:
    return lambda source: name


def _object(read: Read, fields: Fields, is_nullable: bool) -> Read:
    null = _nothing if is_nullable else _refused

    def of(source: Any) -> Any:
        inner = read(source)
        if inner is None:
            return null(source)
        return {name: read_field(inner) for name, read_field in fields}

    return of


def _leaf(read: Read, kind: GraphQLLeafType, is_nullable: bool) -> Read:
    """Return what reads a scalar. What it would only hand on is not given to the scalar at all.

    Nor is it looked at: an event was checked when it was read, so a string is a string.
    """
    match kind.name:
        case "String" | "ID" | "Boolean" | "JSON":
            return read
    coerce = kind.coerce_output_value
    null = _nothing if is_nullable else _refused

    def coerced(value: Any) -> Any:
        if value is None:
            return null(value)
        result = coerce(value)
        return _refused(value) if result is None else result

    match kind.name:
        case "Int":
            return _int(read, coerced)
        case "DateTime":
            return _moment(read, coerced)
        case _:
            return lambda source: coerced(read(source))


def _nothing(value: Any) -> Any:
    return None


def _refused(value: Any) -> Any:
    raise ValueError("null where the schema promises a value")


def _int(read: Read, coerced: Read) -> Read:
    def of(source: Any) -> Any:
        value = read(source)
        return value if GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT else coerced(value)

    return of


def _moment(read: Read, coerced: Read) -> Read:
    """Leave moments in UTC to orjson, which writes them as the scalar does, but ten times faster."""

    def of(source: Any) -> Any:
        value = read(source)
        return value if value is not None and value.tzinfo is UTC else coerced(value)

    return of
