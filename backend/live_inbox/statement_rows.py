"""Rows of statements that are written out: in binary form where nobody minds, else as Django's cursor gives them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)


def may_be_binary(connection: BaseDatabaseWrapper) -> bool:
    """Whether the rows of a statement may be in binary form now.

    Values of most types are the same in both forms: see `are_same_in_binary`.
    """
    if connection.vendor != "postgresql":
        return False
    binary = _binary()
    return binary is not None and bool(binary.is_unwatched(connection))


def may_write_in_binary(connection: BaseDatabaseWrapper) -> bool:
    """Whether a statement that writes is best sent with its parameters apart: where connections prepare statements.

    Elsewhere, PostgreSQL takes an eighth longer for such a statement than Python saves by it: there is one row to read.
    """
    return may_be_binary(connection) and connection.connection.prepare_threshold is not None


def are_same_in_binary(connection: BaseDatabaseWrapper, description: Any) -> bool:
    """Whether the values of columns, which a cursor's `description` describes, are the same in both forms.

    With documents of JSON among them, if the rows are asked for with `has_json`.
    """
    binary = _binary() if connection.vendor == "postgresql" else None
    return binary is not None and bool(binary.are_same(connection, description))


def rows_of_statement(
    connection: BaseDatabaseWrapper,
    text: str,
    parameters: Sequence[Any],
    *,
    is_binary: bool,
    has_json: bool = False,
) -> Sequence[Sequence[Any]]:
    """Return the rows of a statement. Raises Django's errors of the database.

    `has_json`: whether it selects documents of JSON, which are text then.
    """
    if is_binary and (binary := _binary()) is not None:
        rows: Sequence[Sequence[Any]] = binary.fetch(
            connection, text, parameters, json_as_text=has_json
        )
        return rows
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
        found: Sequence[Sequence[Any]] = cursor.fetchall()
        return found


class RowReader:
    """Reads rows of one statement as Django's cursor does: in binary form, once its columns are known to allow it."""

    def __init__(self) -> None:
        self._is_same_in_binary: bool | None = None

    def read(
        self, connection: BaseDatabaseWrapper, text: str, parameters: Sequence[Any]
    ) -> Sequence[Sequence[Any]]:
        """Return the rows. Raises Django's errors of the database."""
        if self._is_same_in_binary and may_be_binary(connection):
            return rows_of_statement(connection, text, parameters, is_binary=True, has_json=True)
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            if self._is_same_in_binary is None:
                self._is_same_in_binary = are_same_in_binary(connection, cursor.description)
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found


@lru_cache(maxsize=1)
def _binary() -> ModuleType | None:
    try:
        from live_inbox.internals import psycopg_rows
    except (ImportError, AttributeError):
        logger.warning(
            "With these versions of Django and psycopg, rows are read as text, more slowly.",
            exc_info=True,
        )
        return None
    return psycopg_rows
