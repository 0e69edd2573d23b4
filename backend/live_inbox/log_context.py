"""What a log line is about, beside its text: the request or the socket, its user and its operation.

Each request and each socket begins a context in its task, which tasks and database threads that it starts inherit.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

_OPERATION = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}")
"""A name of GraphQL's. Clients choose it, and may send anything."""

_NAMED = re.compile(
    r"(?:^|\})(?:[\s,]|#[^\n]*\n)*(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,99})\b"
)
"""Where an operation begins that has a name: at the beginning of a document, or behind another definition."""


class LogContext:
    """One request, socket or operation. `kind` is `request` or `socket`, `api` that of a socket."""

    __slots__ = ("_given_id", "_id", "_parent", "api", "document", "kind", "operation", "user_id")

    def __init__(
        self, kind: str, api: str | None = None, given_id: Callable[[], str | None] | None = None
    ) -> None:
        """`given_id` is called at most once, and returns the id that others have given, if they have."""
        self.kind = kind
        self.api = api
        self.user_id: str | None = None
        self.operation: str | None = None
        self.document = ""
        """The GraphQL document, whose operation may have a name that the request does not repeat."""
        self._id: str | None = None
        self._given_id = given_id
        self._parent: LogContext | None = None

    @property
    def id(self) -> str:
        """Its id, made up when a line first needs it: most have none."""
        if self._parent is not None:
            return self._parent.id
        if self._id is None:
            given = None if self._given_id is None else self._given_id()
            self._id = given or secrets.token_hex(8)
        return self._id

    def of_operation(self, name: str | None, document: str) -> LogContext:
        """Return the context of an operation of a socket, which may have several at a time."""
        context = LogContext(self.kind, self.api)
        context.user_id = self.user_id
        context._parent = self
        context.operation = operation_name(name)
        context.document = document
        return context

    def fields(self) -> dict[str, str]:
        """Return what is known, by the names of the fields in a line."""
        found = {
            self.kind: self.id,
            "api": self.api,
            "user": self.user_id,
            "operation": self.operation or name_in(self.document),
        }
        return {name: value for name, value in found.items() if value is not None}


def operation_name(name: str | None) -> str | None:
    """Return the name of an operation if it is one."""
    return name if name is not None and _OPERATION.fullmatch(name) else None


def name_in(document: str) -> str | None:
    """Return the name of a document's operation, if it has one operation. Only a line of the log needs it."""
    names = _NAMED.findall(document)
    return names[0] if len(names) == 1 else None


_current: ContextVar[LogContext | None] = ContextVar("log_context", default=None)


def current() -> LogContext | None:
    """Return the context of the running task or thread; None outside of requests and sockets."""
    return _current.get()


def begin(context: LogContext) -> None:
    """Begin a context in the running task."""
    _current.set(context)


def begin_operation(name: str | None, document: str = "") -> None:
    """Begin the context of an operation, in a task of its own. Does nothing outside of a context."""
    context = _current.get()
    if context is not None:
        _current.set(context.of_operation(name, document))


def note_request(user_id: str | None, operation: str | None, document: str = "") -> None:
    """Note whose request it is, and which operation it asks for, in the context of the request if there is one."""
    context = _current.get()
    if context is not None:
        context.user_id = user_id
        context.operation = operation_name(operation)
        context.document = document
