"""What statements cost, counted and not timed: rows that PostgreSQL reads, instructions that SQLite executes."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any

from django.db import connection, transaction
from psycopg import RawCursor

STEPS = 10
"""SQLite counts in so many instructions of its machine at a time."""


def statements_of(call: Callable[[], object]) -> list[tuple[str, Any]]:
    """Make a call and return the statements that it sent."""
    found: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call()
    return [each for each in found if not each[0].startswith(("SAVEPOINT", "RELEASE"))]


def rows_read(call: Callable[[], object]) -> int:
    """Count the rows of notifications, and of their indexes, that PostgreSQL reads for the statements of a call."""
    return rows_read_by(statements_of(call))


def rows_read_by(statements: list[tuple[str, Any]]) -> int:
    """Carry out statements and count the rows likewise: with the worse of two plans.

    One is for the parameters, the other for any: a prepared statement may have either.
    """
    return round(
        sum(
            max(rows_of_plan(_plan(*statement, mode)) for mode in ("custom", "generic"))
            for statement in statements
        )
    )


def _plan(sql: str, params: Any, mode: str) -> Any:
    numbers = count(1)
    text = re.sub("%(.)", lambda found: f"${next(numbers)}" if found[1] == "s" else found[1], sql)
    # What psycopg says of parameters: a text may be of any type.
    types = ", ".join("bigint" if isinstance(each, int) else "unknown" for each in params or ())
    values = ", ".join(["%s"] * len(params or ()))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL plan_cache_mode = force_{mode}_plan")
        with RawCursor(connection.connection) as raw:
            raw.execute(f"PREPARE measured{types and f'({types})'} AS {text}".encode())
        cursor.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE measured{values and f'({values})'}", params
        )
        ((plans,),) = cursor.fetchall()
        cursor.execute("DEALLOCATE measured")
    return plans[0]["Plan"]


def rows_of_plan(plan: dict[str, Any]) -> float:
    """Count the rows of notifications that a plan, carried out by EXPLAIN ANALYZE, has read."""
    rows = sum(rows_of_plan(inner) for inner in plan.get("Plans", []))
    if plan.get("Relation Name") == "live_inbox_notification":
        names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        rows += sum(plan.get(name, 0) for name in names) * plan["Actual Loops"]
    return rows


def instructions(call: Callable[[], object]) -> int:
    """Count the instructions that SQLite's machine executes for the statements of a call."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(tick, STEPS)
    try:
        call()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return count * STEPS


def plans(call: Callable[[], object]) -> list[str]:
    """Return how SQLite goes about the statements of a call."""
    found = []
    for sql, params in statements_of(call):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            found += [row[3] for row in cursor.fetchall()]
    return found


def cost(call: Callable[[], object]) -> int:
    """What the statements of a call cost, by the measure of the database."""
    return rows_read(call) if connection.vendor == "postgresql" else instructions(call)
