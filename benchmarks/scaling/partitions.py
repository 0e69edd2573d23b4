"""Partitioning by hash of the inbox: the log and the notifications as the product has them, and in partitions.

Both are made by SQL, with the product's columns and indexes, and filled by the database itself with the same rows in
random order of inboxes. What is compared are statements as the product's: a send (inbox, notification, event), the
newest page of a list, the pages of a log that clients resume, and pruning, 500 events at a time, with its vacuum.

A unique index of a partitioned table has to contain the column of the partitions. So the keys of notifications are
(id, recipient), and the unique indexes of idempotency keys are left out of both: see docs/operating/scaling.md.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

import psycopg

from benchmarks.checkout import Checkout
from benchmarks.machine import describe
from benchmarks.processes import cpu_seconds
from benchmarks.testbed import Testbed

Connection = psycopg.Connection[Any]

PARTITIONS = 32
ROUNDS = 3
SENDS, LISTS, RESUMES, PRUNINGS = 400, 400, 40, 15
"""Statements of each round."""
PRUNED_AT_A_TIME = 500
PAGE = 20
MISSED = 20
INBOXES_OF_A_RESUME = 100
SEED = 3
PLAIN, HASHED = "plain", "hashed"
KEYS = {"notification": "recipient_id", "inboxevent": "inbox_id"}
STRIDE = 7919
"""A prime: rows that follow each other are of inboxes that are far from each other."""
TEXT = (
    "A message that is about as long as those that people get, with a sentence or two, and a name."
)
PAYLOAD = (
    '{"title": "Deployed", "message": "' + TEXT + '", "type": "general", "data": {"build": 42}}'
)
NOTIFICATION = (
    "type, title, message, link, data, created_at, read_at, priority, icon, format, folder, pinned,"
    " group_count, added_sequence, recipient_id"
)
EVENT = "inbox_id, sequence, kind, notification_id, payload, created_at, fingerprint, previous_fingerprint"


def measure(testbed: Testbed, rows: int, inboxes: int, command: str) -> dict[str, Any]:
    """Fill both, and return the figures of each: microseconds by the clock, and of PostgreSQL's processes."""
    stack = testbed.stack("production", Checkout())
    url = stack.fresh_database()
    server = testbed.postgres().child.pid
    figures: dict[str, dict[str, float]] = {PLAIN: {}, HASHED: {}}
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        for schema, found in figures.items():
            began = time.perf_counter()
            _make(connection, schema)
            _fill(connection, schema, rows, inboxes)
            _index(connection, schema)
            connection.execute("VACUUM ANALYZE")
            found["fill_seconds"] = time.perf_counter() - began
            for table in KEYS:
                found[f"{table}_bytes"] = _bytes(connection, schema, table) / rows
            print(schema, {name: round(value, 1) for name, value in found.items()}, flush=True)
        measured: dict[str, dict[str, list[float]]] = {each: defaultdict(list) for each in figures}
        for number in range(ROUNDS):
            for schema, lists in measured.items():
                for name, value in _round(connection, server, schema, inboxes, number).items():
                    lists[name].append(value)
                shown = {name: round(values[-1]) for name, values in lists.items()}
                print(schema, number + 1, shown, flush=True)
    for schema, lists in measured.items():
        figures[schema] |= {name: median(values) for name, values in lists.items()}
    return {**describe(command), "rows": rows, "inboxes": inboxes, "figures": figures}


def _make(connection: Connection, schema: str) -> None:
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(f"CREATE TABLE {schema}.inbox (LIKE live_inbox_inbox INCLUDING ALL)")
    for table, key in KEYS.items():
        is_hashed = schema == HASHED
        primary = f"id, {key}" if is_hashed else "id"
        connection.execute(
            f"CREATE TABLE {schema}.{table} (LIKE live_inbox_{table} INCLUDING DEFAULTS INCLUDING IDENTITY,"
            f" PRIMARY KEY ({primary}))" + (f" PARTITION BY HASH ({key})" if is_hashed else "")
        )
        for number in range(PARTITIONS if is_hashed else 0):
            connection.execute(
                f"CREATE TABLE {schema}.{table}_{number} PARTITION OF {schema}.{table}"
                f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            )


def _fill(connection: Connection, schema: str, rows: int, inboxes: int) -> None:
    each = rows // inboxes
    user = f"1 + (n::bigint * {STRIDE}) % {inboxes}"
    connection.execute(
        f"INSERT INTO {schema}.inbox SELECT n, 'epoch0000000', {each}, 1, 0, {each}, {each}, {each}, 0, 0, 0"
        f" FROM generate_series(1, {inboxes}) AS series(n)"
    )
    moment = "now() - interval '30 days' + n * interval '1 ms'"
    connection.execute(
        f"INSERT INTO {schema}.notification ({NOTIFICATION}) SELECT 'general', 'Deployed', '{TEXT}', '', '{{}}',"
        f" {moment}, CASE WHEN n % 5 > 0 THEN now() END, 'normal', '', 'plain', 'inbox', false, 1,"
        f" n / {inboxes} + 1, {user} FROM generate_series(0, {each * inboxes - 1}) AS series(n)"
    )
    connection.execute(
        f"INSERT INTO {schema}.inboxevent ({EVENT}) SELECT {user}, n / {inboxes} + 1, 'added', n,"
        f" '{PAYLOAD}', {moment}, 1, 1 FROM generate_series(0, {each * inboxes - 1}) AS series(n)"
    )


def _index(connection: Connection, schema: str) -> None:
    """Make the product's indexes, but those that are unique for other columns than the inbox."""
    for table in KEYS:
        found = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s",
            [f"live_inbox_{table}"],
        )
        for name, definition in found.fetchall():
            if not name.endswith("_pkey") and "idempotency_key" not in definition:
                made = definition.replace(
                    f" ON public.live_inbox_{table} ", f" ON {schema}.{table} "
                )
                connection.execute(made.replace(f"INDEX {name} ", f"INDEX {schema[0]}_{name} "))


def _bytes(connection: Connection, schema: str, table: str) -> float:
    row = connection.execute(
        "SELECT coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size(%(table)s))"
        " FROM pg_partition_tree(%(table)s) WHERE isleaf",
        {"table": f"{schema}.{table}"},
    ).fetchone()
    assert row is not None
    return float(row[0])


def _round(
    connection: Connection, server: int, schema: str, inboxes: int, number: int
) -> dict[str, float]:
    chance = random.Random(SEED + number)
    figures: dict[str, float] = {}

    def timed(name: str, times: int, run: Callable[[], Any]) -> None:
        used, began = cpu_seconds([server]), time.perf_counter()
        for _ in range(times):
            run()
        wall = time.perf_counter() - began
        figures[f"{name}_us"] = wall / times * 1e6
        figures[f"{name}_postgres_us"] = (cpu_seconds([server]) - used) / times * 1e6

    def any_inbox() -> int:
        return chance.randint(1, inboxes)

    send = (
        f"WITH locked AS (UPDATE {schema}.inbox SET last_sequence = last_sequence + 1,"
        " unread_count = unread_count + 1, total_count = total_count + 1 WHERE user_id = %s"
        " RETURNING user_id, last_sequence),"
        f" added AS (INSERT INTO {schema}.notification ({NOTIFICATION}) SELECT 'general', 'Deployed', '{TEXT}',"
        " '', '{}', now(), NULL::timestamptz, 'normal', '', 'plain', 'inbox', false, 1, last_sequence, user_id"
        " FROM locked RETURNING id),"
        f" logged AS (INSERT INTO {schema}.inboxevent ({EVENT}) SELECT user_id, last_sequence, 'added', id,"
        f" '{PAYLOAD}', now(), 1, 1 FROM locked, added) SELECT id, last_sequence FROM locked, added"
    )
    page = (
        f"SELECT id, type, title, message, data, created_at, read_at FROM {schema}.notification"
        " WHERE recipient_id = %s AND folder = 'inbox' ORDER BY (- COALESCE(returned_rank, id))"
        f" LIMIT {PAGE + 1}"
    )
    resume = (
        "SELECT inbox_id, sequence, kind, payload FROM unnest(%s::integer[]) AS given(inbox)"
        f" JOIN {schema}.inbox ON user_id = inbox JOIN {schema}.inboxevent"
        f" ON inbox_id = inbox AND sequence > last_sequence - {MISSED} AND sequence <= last_sequence"
    )
    oldest = f"SELECT id, inbox_id, sequence FROM {schema}.inboxevent ORDER BY id LIMIT {PRUNED_AT_A_TIME}"

    def prune() -> None:
        with connection.transaction():
            found = connection.execute(oldest).fetchall()
            cuts = {inbox: sequence + 1 for _, inbox, sequence in sorted(found)}
            given = [list(cuts), list(cuts.values())]
            connection.execute(
                f"UPDATE {schema}.inbox SET first_sequence = cut FROM unnest(%s::integer[], %s::bigint[])"
                " AS given(inbox, cut) WHERE user_id = inbox",
                given,
            )
            connection.execute(
                f"DELETE FROM {schema}.inboxevent USING unnest(%s::integer[], %s::bigint[])"
                " AS given(inbox, cut) WHERE inbox_id = inbox AND sequence < cut",
                given,
            )

    timed("send", SENDS, lambda: connection.execute(send, [any_inbox()]).fetchall())
    timed("list", LISTS, lambda: connection.execute(page, [any_inbox()]).fetchall())
    timed(
        "resume",
        RESUMES,
        lambda: connection.execute(
            resume, [[any_inbox() for _ in range(INBOXES_OF_A_RESUME)]]
        ).fetchall(),
    )
    timed("prune", PRUNINGS, prune)
    timed("vacuum", 1, lambda: connection.execute(f"VACUUM {schema}.inboxevent"))
    return figures
