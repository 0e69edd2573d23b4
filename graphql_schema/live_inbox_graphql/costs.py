"""What an operation costs, known from its document and its variables, before anything is executed.

A field costs 1, and a list costs that of one entry times its length. How long a list will be says the argument `first`
or `last` of its field, or of the connection around it; of other lists it is assumed. Each entry that is read from the
database costs more than a field, whatever is selected of it, and so does each field of an operation's root.

Introspection is counted apart: with the length of the schema's own lists, against the usual introspection query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionNode,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_introspection_query,
    get_named_type,
    get_operation_ast,
    parse,
)

from live_inbox.conf import inbox_settings
from live_inbox.content_parts import MAX_ACTIONS
from live_inbox_graphql.errors import Code
from live_inbox_graphql.pagination import DEFAULT_PAGE_SIZE

ENTRY_COST = 20
"""Of each entry of a page: all of its columns are read from the database."""

SEARCH_COST = 500
"""Of a list, or a bulk change, that is filtered by text: it looks at many notifications, whatever it has of them."""

ROOT_COST = 10
"""Of each field of an operation's root: a query, or a change, in a thread."""

ASSUMED_LENGTH = 10
"""Of a list without `first` and `last`."""

_LENGTHS = {("Notification", "actions"): MAX_ACTIONS}
"""Of lists that cannot be longer."""

_MOST = 2**31 - 1
_META = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of fields, and of the introspection among them."""

    fields: int = 0
    introspection: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.fields + other.fields, self.introspection + other.introspection)


def cost_error(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any] | None,
) -> GraphQLError | None:
    """Return the error for an operation that costs more than MAX_QUERY_COST; None if it does not.

    The document need not be valid: what is not in the schema costs nothing.
    """
    return excess(schema, operation_cost(schema, document, operation_name, variables))


def operation_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any] | None,
) -> Cost:
    """Return the cost of an operation; nothing for one that is not in the document."""
    operation = get_operation_ast(document, operation_name)
    if operation is None:
        return Cost()
    return _Walk(schema, document, operation, variables or {}).cost()


def fixed_cost(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Cost | None:
    """Return the cost of an operation, whatever its variables; None if it depends on them."""
    walk = _Walk(schema, document, operation, {})
    cost = walk.cost()
    return None if walk.has_read_variables else cost


def excess(schema: GraphQLSchema, cost: Cost) -> GraphQLError | None:
    """Return the error for a cost above the limit; None for others."""
    limit = inbox_settings().max_query_cost
    if cost.fields > limit:
        return _exceeded("The operation", cost.fields, limit)
    if cost.introspection:
        most = introspection_limit(schema)
        if cost.introspection > most:
            return _exceeded("The introspection", cost.introspection, most)
    return None


def _exceeded(what: str, cost: int, limit: int) -> GraphQLError:
    shown = min(cost, _MOST)
    return GraphQLError(
        f"{what} costs {shown}, and the limit is {limit}: ask for shorter lists or fewer fields.",
        extensions={"code": Code.MAX_COST_EXCEEDED.value, "cost": shown, "limit": limit},
    )


@lru_cache(maxsize=8)
def introspection_limit(schema: GraphQLSchema) -> int:
    """Return what introspection may cost in one operation: twice the usual query of tools."""
    document = parse(get_introspection_query(input_value_deprecation=True))
    operation = get_operation_ast(document)
    assert operation is not None
    return 2 * _Walk(schema, document, operation, {}).cost().introspection


class _Walk:
    """Adds up an operation. Looks at each fragment once for each length of lists, however often it is spread."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        defaults = {
            node.variable.name.value: _constant(node.default_value)
            for node in operation.variable_definitions or ()
        }
        self._variables = {**defaults, **variables}
        self._known: dict[tuple[str, int | None, bool], Cost] = {}
        self.has_read_variables = False
        """Whether the cost depends on the variables."""

    def cost(self) -> Cost:
        """Return the cost of the operation."""
        root = self._schema.get_root_type(self._operation.operation)
        return (
            Cost() if root is None else self._set(self._operation.selection_set, root, None, True)
        )

    def _set(
        self,
        selection_set: SelectionSetNode | None,
        parent: GraphQLNamedType,
        length: int | None,
        is_root: bool = False,
    ) -> Cost:
        total = Cost()
        for node in selection_set.selections if selection_set else ():
            if self._is_selected(node):
                total += self._selection(node, parent, length, is_root)
        return total

    def _selection(
        self, node: SelectionNode, parent: GraphQLNamedType, length: int | None, is_root: bool
    ) -> Cost:
        if isinstance(node, FieldNode):
            return self._field(node, parent, length, is_root)
        if isinstance(node, InlineFragmentNode):
            kind = self._type(node.type_condition.name.value) if node.type_condition else parent
            return Cost() if kind is None else self._set(node.selection_set, kind, length, is_root)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value, length, is_root)

    def _fragment(self, name: str, length: int | None, is_root: bool) -> Cost:
        key = (name, length, is_root)
        if key not in self._known:
            # First nothing, for a fragment that spreads itself: validation reports that.
            self._known[key] = Cost()
            fragment = self._fragments.get(name)
            kind = None if fragment is None else self._type(fragment.type_condition.name.value)
            if fragment is not None and kind is not None:
                self._known[key] = self._set(fragment.selection_set, kind, length, is_root)
        return self._known[key]

    def _type(self, name: str) -> GraphQLNamedType | None:
        return self._schema.type_map.get(name)

    def _field(
        self, node: FieldNode, parent: GraphQLNamedType, length: int | None, is_root: bool
    ) -> Cost:
        name = node.name.value
        meta = _META.get(name) if is_root else None
        field = meta or field_of(parent, name)
        if field is None:
            return Cost(1)
        kind = get_named_type(field.type)
        if meta is not None or kind.name.startswith("__"):
            inner = self._set(node.selection_set, kind, None)
            count = 1 + self._length_in_schema(parent, name, field) * (
                inner.fields + inner.introspection
            )
            return Cost(0, count) if meta is not None else Cost(count)
        page = self._page(node, field)
        inner = self._set(node.selection_set, kind, page)
        most = _LENGTHS.get((parent.name, name)) or page or length or ASSUMED_LENGTH
        entries = most if _is_list(field) else 1
        own = 1 + (page or 0) * ENTRY_COST + (ROOT_COST if is_root else 0)
        if "filter" in field.args and self._searches(node):
            own += SEARCH_COST
        return Cost(own + entries * inner.fields, inner.introspection)

    def _length_in_schema(self, parent: GraphQLNamedType, name: str, field: GraphQLField) -> int:
        """Return how long a list of introspection is, roughly: types have few fields, and fields few arguments."""
        if not _is_list(field):
            return 1
        return len(self._schema.type_map) if (parent.name, name) == ("__Schema", "types") else 5

    def _page(self, node: FieldNode, field: GraphQLField) -> int | None:
        """Return the size of the page that a field is asked for; None for a field that has no pages."""
        if not {"first", "last"} & field.args.keys():
            return None
        given = {
            argument.name.value: self._value(argument.value) for argument in node.arguments or ()
        }
        sizes = [
            _size(given.get(name), field.args[name])
            for name in ("first", "last")
            if name in field.args
        ]
        # A page that is too long is refused when it is executed, with an error that says so.
        return min(max(sizes) or DEFAULT_PAGE_SIZE, _MOST)

    def _searches(self, node: FieldNode) -> bool:
        """Whether a field is filtered by text."""
        for argument in node.arguments or ():
            if argument.name.value == "filter":
                value = argument.value
                if isinstance(value, ObjectValueNode):
                    named = {field.name.value: field.value for field in value.fields}
                    return "text" in named and not isinstance(named["text"], NullValueNode)
                given = self._value(value)
                return isinstance(given, Mapping) and given.get("text") is not None
        return False

    def _value(self, node: Any) -> object:
        if not isinstance(node, VariableNode):
            return _constant(node)
        self.has_read_variables = True
        return self._variables.get(node.name.value)

    def _is_selected(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            wanted = {"skip": False, "include": True}.get(directive.name.value)
            for argument in directive.arguments or () if wanted is not None else ():
                value = self._value(argument.value)
                if isinstance(value, bool) and value is not wanted:
                    return False
        return True


def _size(value: object, argument: GraphQLArgument) -> int:
    """Return the size of the page that a value asks for; 0 for none, and for a value that execution refuses.

    Without a value, the default of the argument counts.
    """
    value = argument.default_value if value is None else value
    # As `Int` reads variables: 10.0 is 10.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or value < 0:
        return 0
    is_refused = value > _MOST and get_named_type(argument.type) is GraphQLInt
    return 0 if is_refused else value


def _constant(node: Any) -> object:
    if isinstance(node, IntValueNode):
        # Python would take a time that is quadratic in the number of digits.
        return int(node.value) if len(node.value) < 100 else 10**100
    return node.value if isinstance(node, BooleanValueNode) else None


def field_of(parent: GraphQLNamedType, name: str) -> GraphQLField | None:
    """Return a field of an object type or an interface; None if there is none."""
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        field: GraphQLField | None = parent.fields.get(name)
        return field
    return None


def _is_list(field: GraphQLField) -> bool:
    kind = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return isinstance(kind, GraphQLList)
