"""Documents: parsed, held against the limits, validated; and remembered, since clients repeat the same few."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from backend.config import config
from graphql_schema.errors import mark_invalid

MAX_REPEATS = 100
"""Fields of one response name in a document. Validation compares each pair of them: 480 take it half a second."""

_MAX_REMEMBERED = 256
_MAX_REMEMBERED_CHARACTERS = 8192


class DocumentMemory:
    """The documents that were found to be good, most recently used last. Bounded in number and size."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._documents)

    def recall(self, text: str | None) -> DocumentNode | None:
        """Return the document of this text, if it was found to be good lately."""
        document = self._documents.get(text) if text else None
        if document is not None and text is not None:
            self._documents.move_to_end(text)
        return document

    def remember(self, text: str, document: DocumentNode) -> None:
        """Note that a text is a good document."""
        if len(text) <= _MAX_REMEMBERED_CHARACTERS:
            self._documents[text] = document
            if len(self._documents) > _MAX_REMEMBERED:
                self._documents.popitem(last=False)


class Documents(SchemaExtension):
    """Turns the text of one operation into a valid document within the limits, or into errors."""

    def __init__(self, memory: DocumentMemory) -> None:
        self._memory = memory

    def on_operation(self) -> Iterator[None]:
        """Let the parser stop at the limit of tokens."""
        self.execution_context.parse_options["max_tokens"] = config().max_query_tokens
        yield

    def on_parse(self) -> Iterator[None]:
        """Save the parser's work for documents that are known."""
        execution = self.execution_context
        execution.graphql_document = self._memory.recall(execution.query)
        yield

    def on_validate(self) -> Iterator[None]:
        """Leave the errors of the document, or an empty list, where the schema looks for them."""
        execution = self.execution_context
        document, text = execution.graphql_document, execution.query
        assert document is not None
        assert text is not None
        if document is self._memory.recall(text):
            execution.pre_execution_errors = []
        else:
            errors = excesses(document) or validate_document(
                execution.schema._schema, document, execution.validation_rules
            )
            execution.pre_execution_errors = mark_invalid(errors)
            if not errors:
                self._memory.remember(text, document)
        yield


def excesses(document: DocumentNode) -> list[GraphQLError]:
    """Return what is too much in a document: depth, aliases, repeated fields.

    Looks at each fragment once, however often it is spread. (A walk along every spread takes time
    that doubles with each fragment.)
    """
    settings = config()
    errors = []
    try:
        survey = _Survey.of(document)
    except RecursionError:
        return [GraphQLError("The document is nested too deeply.")]
    if survey.depth > settings.max_query_depth:
        errors.append(f"The document is nested more than {settings.max_query_depth} levels deep.")
    if survey.aliases > settings.max_query_aliases:
        errors.append(f"The document has more than {settings.max_query_aliases} aliases.")
    if survey.repeats > MAX_REPEATS:
        errors.append(f"The document has a field more than {MAX_REPEATS} times.")
    return [GraphQLError(message) for message in errors]


@dataclass(slots=True)
class _Size:
    """How deep a selection goes, and how many aliases it has with all fragments in place."""

    depth: int = 0
    aliases: int = 0


@dataclass(slots=True)
class _Survey:
    """What is counted in a document. Introspection fields count for nothing: their depth has a rule of its own."""

    fragments: dict[str, FragmentDefinitionNode]
    sizes: dict[str, _Size] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)
    depth: int = 0
    aliases: int = 0

    @classmethod
    def of(cls, document: DocumentNode) -> _Survey:
        fragments = [
            node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        ]
        survey = cls({node.name.value: node for node in fragments})
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                size = survey._measure(node.selection_set)
                survey.depth = max(survey.depth, size.depth)
                survey.aliases += size.aliases
        return survey

    @property
    def repeats(self) -> int:
        """How often the most frequent response name occurs in the text."""
        return max(self.names.values(), default=0)

    def _measure(self, selection_set: SelectionSetNode | None) -> _Size:
        total = _Size()
        for selection in selection_set.selections if selection_set else ():
            size = self._measure_one(selection)
            total.depth = max(total.depth, size.depth)
            total.aliases += size.aliases
        return total

    def _measure_one(self, selection: SelectionNode) -> _Size:
        if isinstance(selection, FieldNode):
            name = selection.name.value if selection.alias is None else selection.alias.value
            self.names[name] += 1
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
        if name not in self.sizes:
            # In advance, for fragments that spread themselves; that these are wrong is for validation to say.
            self.sizes[name] = _Size()
            fragment = self.fragments.get(name)
            if fragment is not None:
                self.sizes[name] = self._measure(fragment.selection_set)
        return self.sizes[name]
