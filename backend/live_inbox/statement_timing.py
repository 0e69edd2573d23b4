"""Measures how long statements take in the database of the inbox, by statement: `inbox_database_statement_seconds`.

What is measured is the execution, as the thread waits for it: with PostgreSQL until all rows are there, with SQLite
until the first one is. Statements that fail count, too.

The label is made from the text of a statement: its verb and its table, `UPDATE notification`. A statement of several
verbs and tables names what it is for, in a comment at its beginning, which is also what `pg_stat_activity` shows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import Any

from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import metrics

MEASURED = 1 / 8
"""The share of statements that are measured, which takes some microseconds: by chance, because statements come in
patterns of which every eighth may always be the same."""

OTHER = "other"
"""Stands for all statements that are not about tables of ours or users: clocks, savepoints, what the project asks."""

_COMMENT = "/* live_inbox: "

_BEGINNING = 4000
"""Characters of a statement in which its verb and its table are."""


class Statement(StrEnum):
    """What statements of several verbs and tables are for."""

    ACCOUNTS = "accounts"
    """Reads the users of tokens, with what was revoked."""
    COUNT_TYPES = "count_types"
    """Counts the notifications of an inbox by type."""
    ERASE_EVENTS = "erase_events"
    """Takes the content of deleted notifications out of the log."""
    LIST = "list"
    """Reads a page of a list, or whether another one follows."""
    LOG_EVENTS = "log_events"
    """Reads events of logs: for a subscriber who resumes, or for the hub."""
    LOG_HEADS = "log_heads"
    """Reads where logs end: each reconciliation does."""
    MARK = "mark"
    """Marks a notification as read or unread, on PostgreSQL."""
    SEND = "send"
    """Sends to one user, on PostgreSQL."""

    @property
    def comment(self) -> str:
        """What such a statement begins with."""
        return f"{_COMMENT}{self} */ "


def watch(connection: BaseDatabaseWrapper) -> None:
    """Measure the statements of a connection from now on."""
    if timed not in connection.execute_wrappers:
        # The first one: who removes a wrapper of theirs, as `execute_wrapper` does, takes the last.
        connection.execute_wrappers.insert(0, timed)


def is_watched_by_others(connection: BaseDatabaseWrapper) -> bool:
    """Whether anybody else wraps the statements of a connection."""
    wrappers = connection.execute_wrappers
    return bool(wrappers) and wrappers != _OURS


def timed(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement of Django's cursor, and measure it if it is one of those that are."""
    began = begin()
    if began is None:
        return execute(sql, params, many, context)
    try:
        return execute(sql, params, many, context)
    finally:
        observe(sql, began)


_OURS = [timed]

# Not the generator that a program may have seeded: it would be no longer reproducible.
_chance = Random().random  # noqa: S311  # no secret


def begin() -> float | None:
    """Return a moment for `observe`; None for a statement that is not measured."""
    return time.monotonic() if _chance() < MEASURED else None


def observe(text: str, began: float) -> None:
    """Note that a statement has ended, however it has."""
    took = time.monotonic() - began
    metrics.DATABASE_STATEMENT_SECONDS.labels(label_of(text)).observe(took)


def label_of(text: str) -> str:
    """Return what a statement is called in metrics: one of some dozens of names, whatever it is."""
    return _label_of(text[:_BEGINNING])


@lru_cache(maxsize=256)
def _label_of(text: str) -> str:
    if text.startswith(_COMMENT):
        name = text[len(_COMMENT) : text.find(" */")]
        return name if name in set(Statement) else OTHER
    if written := _WRITES.match(text):
        return _named(written["verb"], written["table"])
    if text.startswith("SELECT "):
        return _named("SELECT", _table_of_select(text))
    return OTHER


def _named(verb: str, table: str) -> str:
    if table == get_user_model()._meta.db_table:
        return f"{verb} user"
    ours = table.removeprefix("live_inbox_")
    return OTHER if ours == table else f"{verb} {ours}"


def _table_of_select(text: str) -> str:
    """Return the table that a SELECT reads, not one of a subquery among its columns; "" if there is none."""
    depth = 0
    for token in _TOKENS.finditer(text):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
        elif depth == 0:
            source = text[token.end() :].lstrip()
            if source.startswith("("):
                return _table_of_select(source[1:])
            found = _NAME.match(source)
            return found[1] if found else ""
    return ""


_NAME = re.compile(r'"?(\w+)')
_TOKENS = re.compile(r"[()]|\bFROM\b")
_WRITES = re.compile(
    r'(?P<verb>INSERT(?= INTO| OR IGNORE INTO)|UPDATE|DELETE(?= FROM))(?: OR IGNORE)?(?: INTO| FROM)? "?(?P<table>\w+)'
)
