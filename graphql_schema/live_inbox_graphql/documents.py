"""Documents: parsed, checked against the limits, validated, and cached, since clients repeat the same few."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from threading import RLock

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.types.execution import ExecutionContext

from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.errors import RateLimited
from live_inbox.internals.strawberry_schema import (
    core_schema,
    names_operation,
    validate_document,
)
from live_inbox_graphql.context import Context
from live_inbox_graphql.costs import excess, operation_cost
from live_inbox_graphql.document_examination import Examination, Rules, errors_of, parse_text
from live_inbox_graphql.document_limits import excesses
from live_inbox_graphql.errors import Code, as_clients_see_exception, mark_invalid
from live_inbox_graphql.introspection import introspection_errors
from live_inbox_graphql.operation_rate import COST_EACH, INTROSPECTION_EACH, take_operation
from live_inbox_graphql.repeated_fields import repeated_fields

MAX_REMEMBERED_CHARACTERS = 131_072
"""Length of all documents in the cache. Parsed, a character takes 140 bytes: 18 MB."""

_LONGEST_REMEMBERED = 8192

MAX_RECENT_CHARACTERS = 65_536
"""The same of the documents that were examined a moment ago, valid or not: 9 MB."""


class DocumentCache:
    """A least-recently-used cache of valid documents, bounded by the length of their texts.

    They are valid under the settings of this process: what was checked under others is forgotten. Threads may share it,
    as those of a WSGI server do, each of which has an event loop.
    """

    def __init__(self) -> None:
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()
        self._characters = 0
        self._settings: InboxSettings | None = None
        self._recent: OrderedDict[str, Examination] = OrderedDict()
        """What was examined a moment ago and is not in the cache: those who ask for it go on to execute it."""
        self._recent_characters = 0
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, text: str) -> DocumentNode | None:
        """Return the document of this text, if it is in the cache."""
        with self._lock:
            self._forget_other_settings()
            document = self._documents.get(text)
            if document is not None:
                self._documents.move_to_end(text)
            return document

    def _forget_other_settings(self) -> None:
        settings = inbox_settings()
        if settings is not self._settings:
            self._settings = settings
            self._documents.clear()
            self._recent.clear()
            self._characters = self._recent_characters = 0

    def has_examined(self, text: str) -> bool:
        """Whether a document was parsed and checked before, and what was found is remembered."""
        if self.get(text) is not None:
            return True
        found = self._recent.get(text)
        return found is not None and (found.document is None or found.errors is not None)

    def known(self, text: str) -> DocumentNode | None:
        """Return the document of this text if it was parsed before, valid or not."""
        document = self.get(text)
        if document is not None:
            return document
        found = self._recent.get(text)
        return None if found is None else found.document

    def syntax_error(self, text: str) -> GraphQLError | None:
        """Return why this text is not GraphQL, if it was parsed a moment ago."""
        found = self._recent.get(text)
        return None if found is None else found.syntax_error

    def note(self, text: str, found: Examination) -> None:
        """Remember what was found, for a while; a valid document for longer."""
        with self._lock:
            self._forget_other_settings()
            if found.settings is not self._settings or text in self._documents:
                return
            if found.document is not None and found.errors == []:
                self.put(text, found.document)
                if text in self._documents:
                    return
            self._recent_characters += 0 if text in self._recent else len(text)
            self._recent[text] = found
            self._recent.move_to_end(text)
            while self._recent_characters > MAX_RECENT_CHARACTERS and len(self._recent) > 1:
                self._forget_recent(next(iter(self._recent)))

    def _forget_recent(self, text: str) -> None:
        if self._recent.pop(text, None) is not None:
            self._recent_characters -= len(text)

    def put(self, text: str, document: DocumentNode) -> None:
        """Add a valid document to the cache."""
        with self._lock:
            self._forget_other_settings()
            if len(text) > _LONGEST_REMEMBERED or text in self._documents:
                return
            self._forget_recent(text)
            self._documents[text] = document
            self._characters += len(text)
            while self._characters > MAX_REMEMBERED_CHARACTERS:
                forgotten, _ = self._documents.popitem(last=False)
                self._characters -= len(forgotten)

    def check(
        self, schema: GraphQLSchema, text: str, document: DocumentNode, rules: Rules
    ) -> list[GraphQLError]:
        """Return the errors of a document; add it to the cache if it has none.

        Whoever asks again a moment later, as those do whose operation cannot be compiled, gets the same list.
        """
        with self._lock:
            self._forget_other_settings()
        found = self._recent.get(text)
        if found is None or found.document is not document:
            found = Examination(inbox_settings(), document)
        if found.errors is None:
            found.errors = errors_of(schema, document, rules)
            self.note(text, found)
        return found.errors

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
        document = self.get(text)
        if document is not None:
            return document
        found = self._recent.get(text)
        if found is None:
            found = parse_text(text)
            self.note(text, found)
        return found.document


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
        for refusal in mark_invalid(
            _unnamed(execution, document)
            or excesses(document)
            or introspection_errors(document)
            or repeated_fields(core_schema(execution.schema), document)
            or _too_costly(execution, document)
        ):
            # Not in `pre_execution_errors`: other extensions, such as Strawberry's ValidationCache, replace them.
            raise refusal
        yield
        mark_invalid(execution.pre_execution_errors or ())


class Documents(LimitedDocuments):
    """Does so with a cache: a document that was valid once is valid. For schemas without other extensions."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache

    def on_parse(self) -> Iterator[None]:
        """Save the parser's work for documents that are known."""
        execution = self.execution_context
        text = execution.query or ""
        execution.graphql_document = self._cache.known(text)
        error = self._cache.syntax_error(text)
        if error is not None:
            raise error.with_traceback(None)
        yield

    def on_validate(self) -> Iterator[None]:
        """Let a document that is known pass; check any other, and remember it if it has no errors."""
        execution = self.execution_context
        document, text = execution.graphql_document, execution.query
        if document is None or text is None or validate_document is None:
            yield from super().on_validate()
            if document is not None and not execution.pre_execution_errors:
                self._cache.put(text or "", document)
            return
        execution.pre_execution_errors = (
            _unnamed(execution, document)
            or self._errors(text, document)
            or _too_costly(execution, document)
        )
        yield

    def _errors(self, text: str, document: DocumentNode) -> list[GraphQLError]:
        if document is self._cache.get(text):
            return []
        execution = self.execution_context
        schema = core_schema(execution.schema)
        return self._cache.check(schema, text, document, execution.validation_rules)


def _unnamed(execution: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
    """Return an error if the request has to name the operation. Strawberry would run the first."""
    if names_operation(execution) or not has_several_operations(document):
        return []
    message = "The document has several operations: name the one to run."
    code = Code.OPERATION_RESOLUTION_FAILURE.value
    return [GraphQLError(message, extensions={"code": code})]


def _too_costly(execution: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
    schema = core_schema(execution.schema)
    cost = operation_cost(schema, document, execution.operation_name, execution.variables)
    error = excess(schema, cost)
    if error is not None:
        return [error]
    extra = cost.fields // COST_EACH + cost.introspection // INTROSPECTION_EACH
    if extra and isinstance(execution.context, Context):
        try:
            take_operation(execution.context, extra)
        except RateLimited as limited:
            return [as_clients_see_exception(limited)]
    return []


def has_several_operations(document: DocumentNode) -> bool:
    """Return whether a request has to name the operation of a document."""
    return sum(isinstance(node, OperationDefinitionNode) for node in document.definitions) > 1
