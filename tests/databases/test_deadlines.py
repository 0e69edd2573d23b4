"""Deadlines of database calls on real servers: what they end, and what connections of ours are made with."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from django.db import OperationalError, connections, transaction
from pytest_django import Settings

from live_inbox import thread_connections
from live_inbox.database_threads import in_database_thread, in_lane_within
from live_inbox.lane_threads import DatabaseTimeout
from live_inbox.lanes import Lane
from tests.databases.conftest import AddDatabase
from tests.stacks.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("thread")

LIMITS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def execute(alias: str, sql: str, *parameters: Any) -> Any:
    """Execute a statement on the connection of this thread; return the first row."""
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone() if cursor.description else None


def limits_of(alias: str) -> dict[str, str]:
    return {name: execute(alias, f"SHOW {name}")[0] for name in LIMITS}


def parameters_of(alias: str) -> Any:
    connection: Any = connections[alias].connection
    return connection.info.get_parameters()


def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run(in_database_thread(function, *args))


@pytest.mark.stack("production")
def test_a_statement_that_is_too_slow_ends_with_its_call(add_database: AddDatabase) -> None:
    """The thread is free again, with a new connection, and the server does not go on working."""
    alias = add_database()

    def session() -> int:
        pid: int = execute(alias, "SELECT pg_backend_pid()")[0]
        return pid

    async def scenario() -> tuple[int, int]:
        first = await in_database_thread(session)
        with pytest.raises(DatabaseTimeout):
            await in_lane_within(Lane.REQUESTS, 0.3, execute, alias, "SELECT pg_sleep(600)")
        return first, await in_database_thread(session)

    first, second = asyncio.run(scenario())
    assert first != second

    def is_gone() -> bool:
        row = execute(alias, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s", first)
        return bool(row == (0,))

    wait_until(is_gone)
    connections[alias].close()


@pytest.mark.stack("production")
def test_connections_that_may_have_died_with_another_are_not_used_again(
    add_database: AddDatabase,
) -> None:
    alias = add_database()

    def session() -> int:
        return id(execute(alias, "SELECT 1") and connections[alias].connection)

    first = in_thread(session)
    assert in_thread(session) == first
    kept = []

    def keep() -> None:
        kept.append(connections[alias].connection)

    in_thread(keep)
    thread_connections.ThreadConnections.suspect_all()
    in_thread(session)
    assert kept[0].closed


@pytest.mark.stack("production")
def test_a_transaction_that_stands_still_loses_its_locks(
    add_database: AddDatabase, settings: Settings
) -> None:
    """As in a process that was frozen, or whose machine has lost its network."""
    settings.LIVE_INBOX = {**settings.LIVE_INBOX, "IDLE_TRANSACTION_SECONDS": 0.2}
    alias = add_database()
    execute(alias, "CREATE TABLE locked AS SELECT 1 AS one")
    holds, go_on = threading.Event(), threading.Event()

    def stand_still() -> None:
        with transaction.atomic(using=alias):
            execute(alias, "SELECT one FROM locked FOR UPDATE")
            holds.set()
            assert go_on.wait(60)
            execute(alias, "SELECT 1")

    async def scenario() -> None:
        frozen = asyncio.ensure_future(in_database_thread(stand_still))
        assert await asyncio.to_thread(holds.wait, 60)
        # Waits for the lock, in a connection of the test's own.
        await asyncio.to_thread(in_own_connection, alias, "SELECT one FROM locked FOR UPDATE")
        go_on.set()
        with pytest.raises(Exception, match=r"(?i)idle-in-transaction|closed|terminat"):
            await frozen

    asyncio.run(scenario())
    connections[alias].close()


@pytest.mark.stack("production")
def test_our_connections_have_limits_and_those_of_the_project_have_none(
    add_database: AddDatabase,
) -> None:
    alias = add_database()
    assert limits_of(alias) == dict.fromkeys(LIMITS, "0")
    assert set(in_thread(limits_of, alias).values()) == {"5s", "1min", "10s"}
    parameters = in_thread(parameters_of, alias)
    assert parameters["tcp_user_timeout"] == "6000"
    assert parameters["connect_timeout"] == "3"
    connections[alias].close()


@pytest.mark.stack("production")
def test_the_options_of_the_project_count_more(add_database: AddDatabase) -> None:
    alias = add_database(
        OPTIONS={"options": "-c lock_timeout=7s -c work_mem=8MB", "tcp_user_timeout": 1234}
    )
    assert in_thread(limits_of, alias)["lock_timeout"] == "7s"
    assert in_thread(limits_of, alias)["idle_in_transaction_session_timeout"] == "10s"
    assert in_thread(execute, alias, "SHOW work_mem") == ("8MB",)
    parameters = in_thread(parameters_of, alias)
    assert parameters["tcp_user_timeout"] == "1234"


@pytest.mark.stack("production")
def test_settings_turn_limits_off(add_database: AddDatabase, settings: Settings) -> None:
    settings.LIVE_INBOX = {**settings.LIVE_INBOX, "LOCK_SECONDS": 0}
    alias = add_database()
    assert in_thread(limits_of, alias)["lock_timeout"] == "0"
    settings.LIVE_INBOX = {**settings.LIVE_INBOX, "POSTGRES_LIMITS": False}
    other = add_database()
    assert in_thread(limits_of, other) == dict.fromkeys(LIMITS, "0")


class RefusingPooler:
    """Refuses connections with the startup parameter `options`, as PgBouncer does, and passes others on."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, struct.error):
            while True:
                (length,) = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))
                startup = client.recv(length - 4, socket.MSG_WAITALL)
                if startup[:4] not in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                    break
                client.sendall(b"N")  # no TLS, no GSS
            if b"\0options\0" in startup:
                fields = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
                client.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
                return
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(self._target)
                server.sendall(struct.pack("!i", length) + startup)
                back = threading.Thread(target=_copy, args=(server, client))
                back.start()
                _copy(client, server)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def pooler(stack: Stack) -> Iterator[RefusingPooler]:
    assert stack.cluster is not None
    with closing(RefusingPooler(str(stack.cluster.directory / ".s.PGSQL.5432"))) as pooler:
        yield pooler


@pytest.mark.stack("production")
def test_a_pooler_that_refuses_the_limits_is_used_without_them(
    add_database: AddDatabase,
    stack: Stack,
    pooler: RefusingPooler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = stack.fresh_database().rpartition("/")[2]
    alias = add_database(url=f"postgres://postgres@127.0.0.1:{pooler.port}/{name}")
    with caplog.at_level(logging.WARNING, logger="live_inbox.thread_connections"):
        for _ in range(3):
            assert in_thread(limits_of, alias) == dict.fromkeys(LIMITS, "0")
            thread_connections.ThreadConnections.suspect_all()
    assert [record.getMessage() for record in caplog.records] == [
        f"The pooler of database {alias!r} refuses PostgreSQL's timeouts: it is used without (POSTGRES_LIMITS)."
    ]


@pytest.mark.stack("embedded")
def test_a_writer_on_sqlite_waits_no_longer_than_lock_seconds(
    add_database: AddDatabase, settings: Settings
) -> None:
    settings.LIVE_INBOX = {**settings.LIVE_INBOX, "LOCK_SECONDS": 0.1}
    alias = add_database(OPTIONS={"timeout": 600, "transaction_mode": "IMMEDIATE"})

    def write() -> None:
        with transaction.atomic(using=alias):
            execute(alias, "SELECT 1")

    with transaction.atomic(using=alias), pytest.raises(OperationalError, match="locked"):
        in_thread(write)
    in_thread(write)


@pytest.mark.stack("embedded")
def test_a_query_on_sqlite_that_is_too_slow_is_interrupted(add_database: AddDatabase) -> None:
    alias = add_database()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    async def scenario() -> Any:
        with pytest.raises(DatabaseTimeout):
            await in_lane_within(Lane.REQUESTS, 0.2, execute, alias, endless)
        return await in_database_thread(execute, alias, "SELECT 1")

    assert asyncio.run(scenario()) == (1,)


def in_own_connection(alias: str, sql: str) -> None:
    """Execute a statement in a connection of this thread that is closed at once."""
    try:
        execute(alias, sql)
    finally:
        connections[alias].close()
