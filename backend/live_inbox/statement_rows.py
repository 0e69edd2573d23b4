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

    Values of most types are the same in both forms; JSON has to be asked for as text.
    """
    if connection.vendor != "postgresql":
        return False
    binary = _binary()
    return binary is not None and bool(binary.is_unwatched(connection))


def rows_of_statement(
    connection: BaseDatabaseWrapper, text: str, parameters: Sequence[Any], *, is_binary: bool
) -> Sequence[Sequence[Any]]:
    """Return the rows of a statement. Raises Django's errors of the database."""
    if is_binary and (binary := _binary()) is not None:
        rows: Sequence[Sequence[Any]] = binary.fetch(connection, text, parameters)
        return rows
    with connection.cursor() as cursor:
        cursor.execute(text, parameters)
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
