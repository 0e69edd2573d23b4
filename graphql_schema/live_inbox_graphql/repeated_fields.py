"""How often a document selects one value under different names: nobody needs that, and it makes each event longer.

A selection of 30 times `data` makes each event 30 times as long, whether `data` itself has the names or the
`notification` around it, and a few names on each level multiply. So names are counted along the whole path.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from live_inbox_graphql.costs import field_of

MAX_NAMES = 4
"""Paths of names under which an operation may select one value. A field with arguments is another value under each
name, and so is a mutation."""

MAX_SELECTIONS = 20_000
"""Selections that are looked at, which takes a microsecond each; those of a fragment again for each path."""

_Field = tuple[str, str, str]
"""A field: its type, its name, and the response name if that makes it another value."""

_Sets = list[tuple[GraphQLNamedType, SelectionSetNode | None]]
"""Selection sets of one path, with the types that they select from."""


def repeated_fields(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """Return an error for each field that would repeat one value under too many names.

    The document need not be valid: what is not in the schema counts nothing.
    """
    walk = _Walk(schema, document)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            walk.operation(node)
            if walk.left < 0:
                return [GraphQLError("The document repeats too many fields in too many fragments.")]
    return [
        GraphQLError(f"The document selects {kind}.{name} under more than {MAX_NAMES} names.")
        for kind, name in walk.repeated
    ]


class _Walk:
    """Merges the selections of each path, as execution does, and counts the paths to each value."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._mutation = schema.mutation_type
        self.repeated: dict[tuple[str, str], None] = {}
        """The fields with too many names, by their types."""
        self.left = MAX_SELECTIONS

    def operation(self, node: OperationDefinitionNode) -> None:
        """Look at an operation, until no selections are left."""
        root = self._schema.get_root_type(node.operation)
        if root is None:
            return
        counts: Counter[object] = Counter()
        paths: list[tuple[object, _Sets]] = [(None, [(root, node.selection_set)])]
        while paths and self.left >= 0:
            above, sets = paths.pop()
            for (_, field), below in self._merged(sets).items():
                value = (above, field)
                counts[value] += 1
                if counts[value] > MAX_NAMES:
                    self.repeated[field[0], field[1]] = None
                else:
                    paths.append((value, below))

    def _merged(self, sets: _Sets) -> dict[tuple[str, _Field], _Sets]:
        """Return the fields of a path by their response names, each with the selection sets below it."""
        found: defaultdict[tuple[str, _Field], _Sets] = defaultdict(list)
        spread = set[str]()
        while sets:
            parent, selection_set = sets.pop()
            for node in selection_set.selections if selection_set else ():
                self.left -= 1
                if isinstance(node, FieldNode):
                    field = field_of(parent, node.name.value)
                    if field is not None:
                        response_name = (node.alias or node.name).value
                        key = response_name, self._field(node, parent, response_name)
                        found[key].append((get_named_type(field.type), node.selection_set))
                elif isinstance(node, InlineFragmentNode):
                    sets.append((self._type(node.type_condition) or parent, node.selection_set))
                elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                    spread.add(node.name.value)
                    fragment = self._fragments.get(node.name.value)
                    kind = self._type(fragment.type_condition) if fragment else None
                    if fragment is not None and kind is not None:
                        sets.append((kind, fragment.selection_set))
            if self.left < 0:
                return {}
        return found

    def _field(self, node: FieldNode, parent: GraphQLNamedType, response_name: str) -> _Field:
        is_value_of_its_own = bool(node.arguments) or parent is self._mutation
        return parent.name, node.name.value, response_name if is_value_of_its_own else ""

    def _type(self, condition: NamedTypeNode | None) -> GraphQLNamedType | None:
        return None if condition is None else self._schema.type_map.get(condition.name.value)
