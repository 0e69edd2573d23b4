"""From a query to its compiled selection: of the list of notifications and of the caller, which pages ask for first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    get_argument_values,
)

from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.errors import InvalidInput
from live_inbox.events import Person
from live_inbox.internals.graphql_execution import Executor
from live_inbox.selectors import ListFilter, Page
from live_inbox_graphql.arguments import list_filter
from live_inbox_graphql.compiled.compilation import (
    QUERIES,
    UnsupportedSelection,
    compile_root_fields,
    executor_of,
    nodes_of,
)
from live_inbox_graphql.compiled.field_expressions import attributes_of_lists
from live_inbox_graphql.compiled.rendering import dumps
from live_inbox_graphql.compiled.selection_memory import Key, Selection, SelectionMemory
from live_inbox_graphql.costs import Cost, excess, operation_cost
from live_inbox_graphql.inputs import FILTER_FIELDS
from live_inbox_graphql.operation_rate import COST_EACH
from live_inbox_graphql.pagination import window

FIELDS = ("viewer", "notifications")
"""The fields of the query type that can be compiled."""

MAX_ARGUMENTS = 1024
"""How many requests with other variables are remembered."""

_LONGEST_VARIABLES = 1024
"""Of what is remembered, in bytes of JSON."""


@dataclass(frozen=True, slots=True)
class ListArguments:
    """The arguments of `selectors.page`, but for the user."""

    limit: int
    older_than: int | None
    newer_than: int | None
    from_oldest: bool
    filter: ListFilter

    @property
    def is_newest(self) -> bool:
        """Whether it is the newest of the inbox, of all types."""
        is_bound = self.older_than is not None or self.newer_than is not None
        return self.filter.is_newest and not self.from_oldest and not is_bound


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """One query: its selection, and what it asks for of the list."""

    selection: Selection
    list_arguments: ListArguments | None
    """None if it does not ask for the list."""
    cost: Cost

    @property
    def extra_weight(self) -> int:
        """What it takes of its caller's allowance beside its document."""
        return self.cost.fields // COST_EACH

    @property
    def wants_viewer(self) -> bool:
        """Whether it asks for the caller."""
        return self.selection.first("viewer") is not None

    def render(self, viewer: Person | None, page: Page | None) -> bytes:
        """Return the result as JSON: `{"data":{...}}`. Raises ValueError where graphql-core would report errors."""
        sources = {"viewer": viewer, "notifications": page}
        selection = self.selection
        try:
            data = {
                field.name: selection.type_name
                if field.read is None
                else field.read(sources[field.node.name.value])
                for field in selection.fields
            }
        except ValueError:
            raise
        except Exception as error:
            raise ValueError("the inbox is not what the schema promises") from error
        return dumps({"data": data})

    def rendered(self, viewer: Person | None, page: Page | None) -> bytes | None:
        """Return the same; None where graphql-core has to report errors."""
        try:
            return self.render(viewer, page)
        except ValueError:
            return None


class CompiledQueries:
    """Compiles queries, and remembers what was compiled: the least recently used is dropped first.

    What was compiled under other settings is forgotten: they limit pages and costs. Threads may share it, as those of a
    WSGI server do, each of which has an event loop.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._memory = SelectionMemory(self._forget)
        self._queries: OrderedDict[tuple[int, str | None, bytes], CompiledQuery] = OrderedDict()
        self._settings: InboxSettings | None = None
        self._lock = Lock()

    def compile(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> CompiledQuery | None:
        """Return the compiled query; None to leave the request to graphql-core, which reports errors.

        The document has to be valid, and cached by the caller: that is not checked again.
        """
        with self._lock:
            return self._remembered(document, operation_name, variables)

    def _remembered(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> CompiledQuery | None:
        settings = inbox_settings()
        if settings is not self._settings:
            self._settings = settings
            self._queries.clear()
        key = _key(document, operation_name, variables)
        known = self._queries.get(key) if key is not None else None
        if key is not None and known is not None and known.selection.document is document:
            self._queries.move_to_end(key)
            self._memory.use(key[:2])
            return known
        query = self._compile(document, operation_name, variables)
        if query is not None and key is not None:
            self._queries[key] = query
            if len(self._queries) > MAX_ARGUMENTS:
                self._queries.popitem(last=False)
        return query

    def _compile(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> CompiledQuery | None:
        kind = OperationType.QUERY
        executor = executor_of(self._schema, document, operation_name, variables, kind)
        if executor is None:
            return None
        cost = operation_cost(self._schema, document, operation_name, variables)
        if excess(self._schema, cost) is not None:
            return None
        try:
            selection = self._memory.selection(document, operation_name, executor, _compiled)
            arguments = None if selection is None else self._arguments(selection, executor)
        except (GraphQLError, InvalidInput):
            return None
        return None if selection is None else CompiledQuery(selection, arguments, cost)

    def _forget(self, key: Key) -> None:
        # They would keep the document and the selection.
        for query in [each for each in self._queries if each[:2] == key]:
            del self._queries[query]

    def _arguments(self, selection: Selection, executor: Executor[Any]) -> ListArguments | None:
        field = selection.first("notifications")
        root = self._schema.query_type
        if field is None or root is None:
            return None
        definition = root.fields[field.node.name.value]
        return _list_arguments(
            get_argument_values(definition, field.node, executor.variable_values)
        )


def _key(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any] | None
) -> tuple[int, str | None, bytes] | None:
    """Return what a request with these variables is remembered by; None for one that is not."""
    try:
        text = orjson.dumps(variables) if variables else b""
    except TypeError:
        return None
    return (id(document), operation_name, text) if len(text) <= _LONGEST_VARIABLES else None


def _compiled(document: DocumentNode, executor: Executor[Any]) -> Selection:
    fields, size = compile_root_fields(executor, FIELDS, QUERIES)
    if sum(field.node.name.value == "notifications" for field in fields) > 1:
        raise UnsupportedSelection("several lists")
    root = executor.schema.query_type
    assert root is not None
    selected = {node.name.value for node in nodes_of(document) if isinstance(node, FieldNode)}
    attributes = attributes_of_lists(selected)
    return Selection(document, root.name, tuple(fields), size, attributes)


def _list_arguments(given: Mapping[str, Any]) -> ListArguments:
    """Return the arguments of a field as `selectors.page` takes them. Raises InvalidInput."""
    asked = window(**{name: given.get(name) for name in ("first", "after", "last", "before")})
    filter = given.get("filter") or {}
    return ListArguments(
        asked.limit,
        asked.older_than,
        asked.newer_than,
        asked.from_oldest,
        list_filter(**{FILTER_FIELDS[name]: value for name, value in filter.items()}),
    )
