"""The limits of a document's shape, checked before validation, in time that grows with its length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    NameNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from live_inbox.conf import inbox_settings

MAX_REPEATS = 50
"""Fields of one response name in a document."""

MAX_NAME = 128
"""Characters of a name or alias. Results repeat aliases for each entry of a list, and errors repeat names."""

MAX_COMPARISONS = 6000
"""Pairs of fields that validation compares. Each takes three microseconds or more; a spread takes that of eight."""

_SPREAD = 8


def excesses(
    document: DocumentNode, give_way: Callable[[], None] | None = None
) -> list[GraphQLError]:
    """Return an error for each limit that a document exceeds. Calls `give_way` between two walks.

    Looks at each fragment once, however often it is spread. (A walk along every spread takes time
    that doubles with each fragment.)
    """
    settings = inbox_settings()
    give_way = give_way or _go_on
    give_way()
    try:
        size = _Survey(document).size()
    except RecursionError:
        return [GraphQLError("The document is nested too deeply.")]
    errors = []
    if size.depth > settings.max_query_depth:
        errors.append(f"The document is nested more than {settings.max_query_depth} levels deep.")
    if size.aliases > settings.max_query_aliases:
        errors.append(f"The document has more than {settings.max_query_aliases} aliases.")
    give_way()
    if _longest_name(document) > MAX_NAME:
        errors.append(f"The document has a name of more than {MAX_NAME} characters.")
    give_way()
    repeats = _Repeats(document)
    if repeats.most > MAX_REPEATS:
        errors.append(f"The document has a field more than {MAX_REPEATS} times.")
    elif repeats.comparisons > MAX_COMPARISONS:
        errors.append("The document repeats too many fields in too many fragments.")
    return [GraphQLError(message) for message in errors]


def _go_on() -> None:
    """Do not give way."""


def _longest_name(document: DocumentNode) -> int:
    longest = 0
    nodes: list[Node] = [document]
    while nodes:
        node = nodes.pop()
        if isinstance(node, NameNode | EnumValueNode):
            longest = max(longest, len(node.value))
            continue
        for key in node.keys:
            value = getattr(node, key, None)
            if isinstance(value, Node):
                nodes.append(value)
            elif isinstance(value, tuple | list):
                nodes.extend(each for each in value if isinstance(each, Node))
    return longest


class _Repeats:
    """How often response names stand in a document, used or not.

    The rule that fields of one response name must agree compares each pair of them that may meet: those below parents
    of one name, and those of each fragment with all others.
    """

    def __init__(self, document: DocumentNode) -> None:
        self._names: Counter[str] = Counter()
        self._in_fragments: Counter[str] = Counter()
        self._below: Counter[tuple[object, str]] = Counter()
        self._fragments = 0
        self._spreads = 0
        for number, node in enumerate(document.definitions):
            is_fragment = isinstance(node, FragmentDefinitionNode)
            self._fragments += is_fragment
            self._count(None if is_fragment else number, getattr(node, "selection_set", None))

    def _count(self, parent: object, selection_set: SelectionSetNode | None) -> None:
        """Count the fields below a parent: a response name, an operation's number, or None for a fragment."""
        sets: list[tuple[object, Any]] = [(parent, selection_set)]
        while sets:
            parent, selection_set = sets.pop()
            for node in selection_set.selections if selection_set else ():
                if isinstance(node, FieldNode):
                    name = (node.alias or node.name).value
                    self._names[name] += 1
                    if parent is None:
                        self._in_fragments[name] += 1
                    else:
                        self._below[parent, name] += 1
                    sets.append((name, node.selection_set))
                elif isinstance(node, InlineFragmentNode):
                    sets.append((parent, node.selection_set))
                else:
                    self._spreads += 1

    @property
    def most(self) -> int:
        """How often the most frequent response name stands there."""
        return max(self._names.values(), default=0)

    @property
    def comparisons(self) -> int:
        """How many pairs validation may compare."""
        pairs = self._fragments**2 + self._spreads * _SPREAD
        pairs += sum(count * count // 2 for count in self._in_fragments.values())
        return pairs + sum(
            count * count // 2 + count * self._in_fragments[name]
            for (_, name), count in self._below.items()
        )


@dataclass(slots=True)
class _Size:
    """How deep selections go, and how many aliases they have with all fragments in place."""

    depth: int = 0
    aliases: int = 0

    def add(self, other: _Size) -> None:
        """Make it the size of both."""
        self.depth = max(self.depth, other.depth)
        self.aliases += other.aliases


class _Survey:
    """Measures a document. Introspection has no depth here: graphql-core has a rule of its own for it."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._sizes: dict[str, _Size] = {}

    def size(self) -> _Size:
        """Return the size of all operations together."""
        total = _Size()
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode):
                total.add(self._measure(node.selection_set))
        return total

    def _measure(self, selection_set: SelectionSetNode | None) -> _Size:
        total = _Size()
        for selection in selection_set.selections if selection_set else ():
            total.add(self._measure_one(selection))
        return total

    def _measure_one(self, selection: SelectionNode) -> _Size:
        if isinstance(selection, FieldNode):
            size = self._measure(selection.selection_set)
            size.depth = 0 if selection.name.value.startswith("__") else size.depth + 1
            size.aliases += selection.alias is not None
            return size
        if isinstance(selection, FragmentSpreadNode):
            return self._measure_fragment(selection.name.value)
        if isinstance(selection, InlineFragmentNode):
            return self._measure(selection.selection_set)
        return _Size()

    def _measure_fragment(self, name: str) -> _Size:
        if name not in self._sizes:
            # First an empty size, for a fragment that spreads itself: validation reports that.
            self._sizes[name] = _Size()
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._sizes[name] = self._measure(fragment.selection_set)
        return self._sizes[name]
