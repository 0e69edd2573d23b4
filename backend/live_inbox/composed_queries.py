"""Queries of the ORM by their form: each is composed once for a thread's connection, if Django has what that needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from threading import local
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from live_inbox import database
from live_inbox.statement_rows import RowReader

if TYPE_CHECKING:
    # It relies on internals of Django.
    from live_inbox.internals.prepared_queries import PreparedQuery

logger = logging.getLogger(__name__)


def fetch(
    form: Hashable, compose: Callable[[], QuerySet[Any]], values: Sequence[object]
) -> list[Any]:
    """Return the objects of a query.

    `form` names what does not change from call to call. `values` are its parameters as the database takes them, each
    once. Rows must not depend on anything else: a manager of the project may choose them by what is active.
    """
    known = _of_thread.queries.setdefault(database.connection(), {})
    prepared = known.get(form)
    if prepared is None:
        query = compose()
        prepared = _prepared(query, values)
        if prepared is None:
            return list(query)
        known[form] = prepared
    return prepared.fetch(values)


def forget_composed() -> None:
    """Compose everything anew in this thread. For tests that change how a field is compared."""
    _of_thread.queries.clear()


def _prepared(query: QuerySet[Any], values: Sequence[object]) -> PreparedQuery | None:
    try:
        from live_inbox.internals.prepared_queries import PreparedQuery
    except (ImportError, AttributeError):
        logger.warning("With this version of Django, each query is composed anew.", exc_info=True)
        return None
    try:
        return PreparedQuery(query, values, RowReader().read)
    except ValueError:
        return None


class _OfThread(local):
    """The composed queries of a thread, by its connections: a query keeps its connection."""

    def __init__(self) -> None:
        self.queries: WeakKeyDictionary[BaseDatabaseWrapper, dict[Hashable, PreparedQuery]] = (
            WeakKeyDictionary()
        )


_of_thread = _OfThread()
