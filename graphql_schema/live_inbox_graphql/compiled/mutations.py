"""From a mutation to its compiled selection: of the changes that users make all the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from threading import Lock
from typing import Any, TypeVar

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLScalarType,
    GraphQLSchema,
    OperationType,
    get_argument_values,
    get_named_type,
)
from strawberry.utils.str_converters import to_camel_case

from live_inbox.identity.account_rows import JoinedColumns
from live_inbox.identity.callers import Caller, InboxOwner
from live_inbox.identity.scopes import Right
from live_inbox.internals.graphql_execution import Executor
from live_inbox.internals.strawberry_schema import definition_of
from live_inbox.request_threads import Use
from live_inbox_graphql import changes
from live_inbox_graphql.compiled.compilation import (
    MUTATIONS,
    RootField,
    UnsupportedSelection,
    compile_root_fields,
    executor_of,
)
from live_inbox_graphql.compiled.rendering import dumps
from live_inbox_graphql.compiled.selection_memory import Selection, SelectionMemory
from live_inbox_graphql.costs import Cost, excess, fixed_cost, operation_cost
from live_inbox_graphql.operation_rate import COST_EACH
from live_inbox_graphql.types import (
    ActionInput,
    ActorInput,
    MessageFormat,
    NotificationPriority,
    SendInput,
    TargetInput,
)

MadeT = TypeVar("MadeT")

_ENUMS = (MessageFormat, NotificationPriority)

_OF_SCALARS: Mapping[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "markRead": (changes.mark_read, ("id",)),
    "markUnread": (changes.mark_unread, ("id",)),
    "markAllRead": (changes.mark_all_read, ("upTo",)),
    "markSeen": (changes.mark_seen, ("upTo",)),
    "archive": (changes.archive, ("id",)),
    "unarchive": (changes.unarchive, ("id",)),
    "unsnooze": (changes.unsnooze, ("id",)),
    "pin": (changes.pin, ("id",)),
    "unpin": (changes.unpin, ("id",)),
    "delete": (changes.delete, ("id", "undoable")),
}
"""The fields that change the caller's inbox, each with its arguments in order; those at the end may be left out."""

_MARKS = {"markRead": True, "markUnread": False}

FIELDS = (*_OF_SCALARS, "send")
"""The fields of the mutation type that can be compiled."""

_PARTS: Mapping[str, type[Any]] = {
    "actor": ActorInput,
    "target": TargetInput,
    "actions": ActionInput,
}
"""The fields of `SendInput` that are objects, and lists of them: Strawberry makes these of the values."""


@dataclass(frozen=True, slots=True)
class Call:
    """One field of a mutation: what is to be done."""

    field: RootField
    right: Right
    """What the caller's token has to allow."""
    perform: Callable[..., Any]
    """Takes the caller, and whether their row has just been read; for a database thread."""
    inbox: str | None = None
    """The primary key of the user whose inbox it changes; None for the caller's."""
    needs_account: bool = False
    """Whether it needs the row of the caller, and not only the key."""
    join: Callable[[], JoinedColumns | None] | None = None
    """Says, in the thread, what is to be read with the account for `perform_joined`."""
    perform_joined: Callable[..., Any] | None = None
    """Takes the caller and what was read, or None, and does the same."""

    def use(self, user_id: str) -> Use:
        """Return what it uses the database for, if this is the caller's key."""
        return Use(user_id, user_id if self.inbox is None else self.inbox)


@dataclass(frozen=True, slots=True)
class CompiledMutation:
    """One mutation: its selection, and what it does."""

    selection: Selection
    calls: tuple[Call, ...]
    """In the order in which they are made, one after the other."""
    cost: Cost

    @property
    def extra_weight(self) -> int:
        """What it takes of its caller's allowance beside its document."""
        return self.cost.fields // COST_EACH

    def render(self, results: Sequence[Any]) -> bytes:
        """Return the result as JSON, `{"data":{...}}`, for what the calls have returned."""
        left = iter(results)
        data = {
            field.name: self.selection.type_name if field.read is None else field.read(next(left))
            for field in self.selection.fields
        }
        return dumps({"data": data})


class CompiledMutations:
    """Compiles mutations, and remembers what documents select. Threads may share it."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._memory = SelectionMemory()
        self._lock = Lock()

    def compile(
        self,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any] | None,
    ) -> CompiledMutation | None:
        """Return the compiled mutation; None to leave the request to graphql-core, which reports errors.

        The document has to be valid, and cached by the caller: that is not checked again.
        """
        kind = OperationType.MUTATION
        executor = executor_of(self._schema, document, operation_name, variables, kind)
        if executor is None:
            return None
        try:
            with self._lock:
                selection = self._memory.selection(document, operation_name, executor, _compiled)
            if selection is None:
                return None
            cost = selection.cost
            if cost is None:
                cost = operation_cost(self._schema, document, operation_name, variables)
            if excess(self._schema, cost) is not None:
                return None
            calls = [
                self._call(field, executor) for field in selection.fields if field.read is not None
            ]
        except (GraphQLError, UnsupportedSelection):
            return None
        return CompiledMutation(selection, tuple(calls), cost)

    def _call(self, field: RootField, executor: Executor[Any]) -> Call:
        root = self._schema.mutation_type
        assert root is not None
        name = field.node.name.value
        given = get_argument_values(root.fields[name], field.node, executor.variable_values)
        if name == "send":
            return _sending(field, given["input"])
        if given.get("filter") is not None:
            # Strawberry makes an object of it.
            raise UnsupportedSelection("a filter")
        change, arguments = _OF_SCALARS[name]
        values = [given[argument] for argument in arguments if argument in given]
        perform = partial(_changing, change, values)
        if name not in _MARKS:
            return Call(field, Right.WRITE, perform)
        (id,) = values
        return Call(
            field,
            Right.WRITE,
            perform,
            join=partial(changes.joined_with, id),
            perform_joined=partial(_marking, id, read=_MARKS[name]),
        )


def _changing(
    change: Callable[..., Any], values: Sequence[Any], caller: InboxOwner, *, is_fresh: bool
) -> Any:
    return change(caller, *values)


def _marking(id: str, caller: InboxOwner, row: Sequence[Any] | None, *, read: bool) -> Any:
    return changes.mark_joined(caller, id, row, read=read)


def _sending(field: RootField, given: Mapping[str, Any]) -> Call:
    input = _made(SendInput, given)

    def perform(caller: Caller, *, is_fresh: bool) -> changes.ShownSend:
        return changes.send(caller, input, is_fresh=is_fresh)

    return Call(field, Right.SEND, perform, input.recipient_id, needs_account=True)


@cache
def _names(kind: Any) -> Mapping[str, str]:
    """Return the attributes of an input's class by the names that the schema has for them."""
    return {to_camel_case(field.name): field.name for field in fields(kind)}


def _made(kind: type[MadeT], given: Mapping[str, Any]) -> MadeT:
    """Return the object that Strawberry makes of the value of an input."""
    made: Any = kind
    names = _names(made)
    return kind(**{names[name]: _value(_PARTS.get(name), value) for name, value in given.items()})


def _value(kind: type[Any] | None, value: Any) -> Any:
    if kind is None or value is None:
        return value
    return [_made(kind, each) for each in value] if isinstance(value, list) else _made(kind, value)


def _compiled(document: DocumentNode, executor: Executor[Any]) -> Selection:
    fields, size = compile_root_fields(executor, FIELDS, MUTATIONS)
    root = executor.schema.mutation_type
    assert root is not None
    names = {field.node.name.value for field in fields}
    for name in names - {"__typename"}:
        _check_arguments(name, root.fields[name])
    cost = fixed_cost(executor.schema, document, executor.operation)
    return Selection(document, root.name, tuple(fields), size, cost=cost)


def _is_known(name: str, kind: GraphQLInputType) -> bool:
    """Whether `_made` makes of the values of a field of an input what resolvers get."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLEnumType):
        return getattr(definition_of(named), "wrapped_cls", None) in _ENUMS
    if isinstance(named, GraphQLInputObjectType):
        return name in _PARTS and _is_input_of(named, _PARTS[name])
    return isinstance(named, GraphQLScalarType)


def _is_input_of(kind: GraphQLInputObjectType, origin: type[Any]) -> bool:
    """Whether an input is that of our class, as we declare it."""
    if getattr(definition_of(kind), "origin", None) is not origin:
        return False
    return kind.fields.keys() == _names(origin).keys() and all(
        _is_known(name, field.type) for name, field in kind.fields.items()
    )


def _check_arguments(name: str, field: GraphQLField) -> None:
    """Raise UnsupportedSelection for arguments that are not as we declare them."""
    if name != "send":
        known = set(_OF_SCALARS[name][1])
        if name == "markAllRead":
            known.add("filter")
    else:
        known = {"input"}
        input = get_named_type(field.args["input"].type) if "input" in field.args else None
        if not isinstance(input, GraphQLInputObjectType) or not _is_input_of(input, SendInput):
            raise UnsupportedSelection("another input")
    if field.args.keys() != known:
        raise UnsupportedSelection("other arguments")
