"""Documents: parsed, checked against the limits, validated, and cached, since clients repeat the same few."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionContext

from live_inbox.conf import inbox_settings
from live_inbox.internals.strawberry_schema import names_operation, validate_document
from live_inbox_graphql.errors import Code, mark_invalid

MAX_REPEATS = 50
"""Fields of one response name in a document. Validation compares each pair of them: of 480, that
takes half a second, of 50 a twentieth."""

MAX_REMEMBERED_CHARACTERS = 131_072
"""Length of all documents in the cache. Parsed, a character takes 140 bytes: 18 MB."""

_LONGEST_REMEMBERED = 8192

Rules = tuple[type[ASTValidationRule], ...]

NAME_THE_OPERATION = GraphQLError(
    "The document has several operations: name the one to run.",
    extensions={"code": Code.OPERATION_RESOLUTION_FAILURE.value},
)


class DocumentCache:
    """A least-recently-used cache of valid documents, bounded by the length of their texts."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, text: str) -> DocumentNode | None:
        """Return the document of this text, if it is in the cache."""
        document = self._documents.get(text)
        if document is not None:
            self._documents.move_to_end(text)
        return document

    def put(self, text: str, document: DocumentNode) -> None:
        """Add a valid document to the cache."""
        if len(text) > _LONGEST_REMEMBERED or text in self._documents:
            return
        self._documents[text] = document
        self._characters += len(text)
        while self._characters > MAX_REMEMBERED_CHARACTERS:
            forgotten, _ = self._documents.popitem(last=False)
            self._characters -= len(forgotten)

    def check(
        self, schema: GraphQLSchema, text: str, document: DocumentNode, rules: Rules
    ) -> list[GraphQLError]:
        """Return the errors of a document; add it to the cache if it has none."""
        assert validate_document is not None
        errors = excesses(document) or validate_document(schema, document, rules)
        if not errors:
            self.put(text, document)
        return errors

    def document(self, schema: GraphQLSchema, text: str) -> DocumentNode | None:
        """Return the document of this text, or None if it is invalid; executing it reports the errors."""
        document = self.get(text)
        if document is not None or validate_document is None:
            return document
        document = self.parsed(text)
        if document is None or self.check(schema, text, document, specified_rules):
            return None
        return document

    def parsed(self, text: str) -> DocumentNode | None:
        """Return the document of this text, valid or not; None if it is not GraphQL."""
        try:
            return self.get(text) or parse(text, max_tokens=inbox_settings().max_query_tokens)
        except (GraphQLError, RecursionError):
            return None


class LimitedDocuments(SchemaExtension):
    """Holds the documents of operations to the limits. Strawberry and other extensions validate them."""

    def on_operation(self) -> Iterator[None]:
        """Let the parser stop at the limit of tokens."""
        self.execution_context.parse_options["max_tokens"] = inbox_settings().max_query_tokens
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse what exceeds a limit; code the errors that validation finds."""
        execution = self.execution_context
        document = execution.graphql_document
        assert document is not None
        execution.pre_execution_errors = _refusals(execution, document) or None
        yield
        mark_invalid(execution.pre_execution_errors or ())


def _refusals(execution: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
    if not names_operation(execution) and has_several_operations(document):
        # Strawberry would run the first.
        return [NAME_THE_OPERATION]
    return excesses(document)


class Documents(LimitedDocuments):
    """Does so with a cache: a document that was valid once is valid. For schemas without other extensions."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache

    def on_parse(self) -> Iterator[None]:
        """Save the parser's work for documents that are known."""
        execution = self.execution_context
        execution.graphql_document = self._cache.get(execution.query or "")
        yield

    def on_validate(self) -> Iterator[None]:
        """Let a document that is known pass; check any other, and remember it if it has no errors."""
        execution = self.execution_context
        document, text = execution.graphql_document, execution.query
        if document is None or text is None or document is not self._cache.get(text):
            yield from super().on_validate()
            if document is not None and not execution.pre_execution_errors:
                self._cache.put(text or "", document)
        elif not names_operation(execution) and has_several_operations(document):
            execution.pre_execution_errors = [NAME_THE_OPERATION]
            yield
        else:
            execution.pre_execution_errors = []
            yield


def excesses(document: DocumentNode) -> list[GraphQLError]:
    """Return an error for each limit that a document exceeds: depth, aliases, repeated fields.

    Looks at each fragment once, however often it is spread. (A walk along every spread takes time
    that doubles with each fragment.)
    """
    settings = inbox_settings()
    try:
        size = _Survey(document).size()
    except RecursionError:
        return [GraphQLError("The document is nested too deeply.")]
    errors = []
    if size.depth > settings.max_query_depth:
        errors.append(f"The document is nested more than {settings.max_query_depth} levels deep.")
    if size.aliases > settings.max_query_aliases:
        errors.append(f"The document has more than {settings.max_query_aliases} aliases.")
    if _most_repeats(document) > MAX_REPEATS:
        errors.append(f"The document has a field more than {MAX_REPEATS} times.")
    return [GraphQLError(message) for message in errors]


def has_several_operations(document: DocumentNode) -> bool:
    """Return whether a request has to name the operation of a document."""
    return sum(isinstance(node, OperationDefinitionNode) for node in document.definitions) > 1


def _most_repeats(document: DocumentNode) -> int:
    """Return how often the most frequent response name stands in a document, used or not."""
    names: Counter[str] = Counter()
    nodes: list[Any] = list(document.definitions)
    while nodes:
        node = nodes.pop()
        if isinstance(node, FieldNode):
            names[(node.alias or node.name).value] += 1
        selection_set = getattr(node, "selection_set", None)
        if selection_set is not None:
            nodes.extend(selection_set.selections)
    return max(names.values(), default=0)


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
