"""Remembers what documents select, compiled: what the compilers of queries and of mutations have in common."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode

from live_inbox.internals.graphql_execution import Executor
from live_inbox_graphql.compiled.compilation import RootField, UnsupportedSelection, nodes_of
from live_inbox_graphql.costs import Cost

MAX_CHARACTERS = 131_072
"""Length of all documents that are remembered, compiled or not. Most are the very ones that `DocumentCache` holds; were
none of them, this would be 18 MB."""

_FIELD_CHARACTERS = 4
"""A compiled field takes some 420 bytes of a function and its names; parsed, a character takes 140."""

_ENTRY_CHARACTERS = 8
"""The size of what is remembered of a document without fields."""

Key = tuple[int, str | None]
"""The id of a document, and the name of its operation."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What an operation selects, whatever its variables."""

    document: DocumentNode
    type_name: str
    """The name of the root type."""
    fields: tuple[RootField, ...]
    size: int
    """The number of selected fields."""
    attributes: frozenset[str] | None = None
    """Of notifications and of the inbox's state, all attributes that it needs, and perhaps more; None for all."""
    cost: Cost | None = None
    """What the operation costs; None if that depends on its variables."""

    def first(self, name: str) -> RootField | None:
        """Return the first field of the root type with this name; None if it is not selected."""
        return next((field for field in self.fields if field.node.name.value == name), None)


class SelectionMemory:
    """The selections of the documents that were used last, and which documents cannot be compiled. Not thread-safe."""

    def __init__(self, on_forget: Callable[[Key], None] = lambda key: None) -> None:
        self._on_forget = on_forget
        self._selections: OrderedDict[Key, Selection | None] = OrderedDict()
        self._documents: dict[Key, DocumentNode] = {}
        self.size = 0
        """What is remembered, in characters."""

    def __len__(self) -> int:
        return len(self._selections)

    def use(self, key: Key) -> None:
        """Note that a selection has been used."""
        self._selections.move_to_end(key)

    def selection(
        self,
        document: DocumentNode,
        operation_name: str | None,
        executor: Executor[Any],
        compile: Callable[[DocumentNode, Executor[Any]], Selection],
    ) -> Selection | None:
        """Return what an operation selects; None if that cannot be compiled. Raises GraphQLError as `compile` does."""
        key = id(document), operation_name
        if self._documents.get(key) is document:
            self._selections.move_to_end(key)
            return self._selections[key]
        try:
            selection = None if _has_directives(document) else compile(document, executor)
        except UnsupportedSelection:
            selection = None
        self._remember(key, document, selection)
        return selection

    def _remember(self, key: Key, document: DocumentNode, selection: Selection | None) -> None:
        self._forget(key)
        self._documents[key], self._selections[key] = document, selection
        self.size += _size(document, selection)
        while self.size > MAX_CHARACTERS and len(self._selections) > 1:
            self._forget(next(iter(self._selections)))

    def _forget(self, key: Key) -> None:
        if key in self._documents:
            self.size -= _size(self._documents.pop(key), self._selections.pop(key))
            self._on_forget(key)


def _size(document: DocumentNode, selection: Selection | None) -> int:
    """Return what is remembered of a document, in characters."""
    length = _ENTRY_CHARACTERS + (document.loc.end if document.loc is not None else 0)
    return length if selection is None else length + _FIELD_CHARACTERS * selection.size


def _has_directives(document: DocumentNode) -> bool:
    """Whether anything in a document has directives: they may depend on variables, and some only graphql-core knows."""
    return any(node.directives for node in nodes_of(document))
