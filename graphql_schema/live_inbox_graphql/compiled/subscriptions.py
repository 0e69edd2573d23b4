"""From a client's request to its compiled selection, which equal requests share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLSchema,
    GraphQLSkipDirective,
    OperationType,
    Undefined,
    VariableNode,
    get_argument_values,
)

from live_inbox.internals.graphql_execution import Executor
from live_inbox_graphql.compiled.compilation import (
    UnsupportedSelection,
    compile_selection,
    executor_of,
    nodes_of,
)
from live_inbox_graphql.compiled.rendering import CompiledSelection, CompiledSubscription

MAX_REMEMBERED_CHARACTERS = 131_072
"""Length of all documents whose compiled selections are cached; each compiled field counts as some characters. Most
documents are the very ones that `DocumentCache` holds; were none of them, this would be 18 MB."""

_LONGEST_REMEMBERED = 8192
"""Longer documents are parsed for every socket, so no other socket has the same one."""

_FIELD_CHARACTERS = 4
"""A field takes some 420 bytes of a function and its names; parsed, a character takes 140."""

_ENTRY_CHARACTERS = 8
"""The size of a compiled selection without fields, and of the result that there is none."""

_CONDITIONS = {GraphQLSkipDirective.name, GraphQLIncludeDirective.name}


_Compiled = tuple[CompiledSelection, FieldNode]
_Key = tuple[int, tuple[Any, ...]]
"""The operation in its document, and the values of the variables on which the selection depends."""


@dataclass(slots=True)
class _Known:
    """The compiled selections of a document, which is kept, so that no other object can have its id."""

    document: DocumentNode
    conditions: tuple[str, ...]
    """The variables on which the selection depends."""
    is_plain: bool
    """Whether the document uses no directives but `skip` and `include`."""
    characters: int = 0
    """Its size with its compiled selections, in characters."""
    compiled: dict[_Key, _Compiled | None] = field(default_factory=dict)


class CompiledSubscriptions:
    """Compiles subscriptions, and caches compiled selections: the least recently used documents are dropped first.

    All sockets whose documents are the same object, and whose variables decide alike on what is selected, share
    one compiled selection, and with it the encoded events that are sent to all of them. For one event loop.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        max_characters: int = MAX_REMEMBERED_CHARACTERS,
    ) -> None:
        self._schema = schema
        self._max_characters = max_characters
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return sum(len(known.compiled) for known in self._known.values())

    def compile(
        self,
        document: DocumentNode,
        operation_name: str | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> CompiledSubscription | None:
        """Return the compiled request; None to leave it to graphql-core, which reports errors.

        The document has to be valid: that is not checked again.
        """
        kind = OperationType.SUBSCRIPTION
        executor = executor_of(self._schema, document, operation_name, variables, kind)
        if executor is None:
            return None
        try:
            compiled = self._compiled(document, executor)
            return None if compiled is None else self._with_arguments(executor, *compiled)
        except GraphQLError:
            return None

    def _with_arguments(
        self, executor: Executor[Any], selection: CompiledSelection, node: FieldNode
    ) -> CompiledSubscription:
        root = self._schema.subscription_type
        assert root is not None
        definition = root.fields[node.name.value]
        arguments = get_argument_values(definition, node, executor.variable_values)
        return CompiledSubscription(arguments.get("after"), arguments.get("types"), selection)

    def _compiled(self, document: DocumentNode, executor: Executor[Any]) -> _Compiled | None:
        known = self._known_of(document)
        if not known.is_plain:
            return None
        values = executor.variable_values.coerced
        decided = tuple(values.get(name, Undefined) for name in known.conditions)
        key = (id(executor.operation), decided)
        if key in known.compiled:
            return known.compiled[key]
        try:
            selection = compile_selection(executor)
        except UnsupportedSelection:
            known.compiled[key] = compiled = None
            self._grow(known, _ENTRY_CHARACTERS)
        else:
            made = CompiledSelection(selection.name, selection.readers)
            known.compiled[key] = compiled = (made, selection.node)
            self._grow(known, _ENTRY_CHARACTERS + _FIELD_CHARACTERS * selection.size)
        return compiled

    def _known_of(self, document: DocumentNode) -> _Known:
        known = self._known.get(id(document))
        if known is not None:
            self._known.move_to_end(id(document))
            return known
        known = _survey(document)
        length = document.loc.end if document.loc is not None else None
        if length is not None and length <= _LONGEST_REMEMBERED:
            self._known[id(document)] = known
            self._grow(known, length)
        return known

    def _grow(self, known: _Known, characters: int) -> None:
        """Count what a document holds, and drop others for it, or the document itself if it is too long alone."""
        if id(known.document) not in self._known:
            return
        known.characters += characters
        self._characters += characters
        while self._characters > self._max_characters:
            _, forgotten = self._known.popitem(last=False)
            self._characters -= forgotten.characters


def _survey(document: DocumentNode) -> _Known:
    """Inspect every directive of a document, those of other operations and of unused fragments included."""
    names: set[str] = set()
    is_plain = True
    for node in nodes_of(document):
        for directive in node.directives or ():
            is_plain = is_plain and directive.name.value in _CONDITIONS
            values = [argument.value for argument in directive.arguments or ()]
            names |= {value.name.value for value in values if isinstance(value, VariableNode)}
    return _Known(document, tuple(sorted(names)), is_plain)
