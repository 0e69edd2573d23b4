"""What real errors of both databases mean, and that nothing else decides it."""

from __future__ import annotations

import re
import select
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import (
    DatabaseError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)
from django.utils.functional import SimpleLazyObject

import live_inbox
from live_inbox.database_errors import ErrorKind, is_locked, kind_of
from live_inbox.models import Inbox
from tests.databases.conftest import AddDatabase

SOURCES = [
    path
    for folder in ("backend/live_inbox", "graphql_schema")
    for path in (Path(__file__).parents[2] / folder).rglob("*.py")
]


def raised(call: Callable[[], Any]) -> Error:
    """Return the error that a call raises."""
    with pytest.raises(Error) as caught:
        call()
    return caught.value


@pytest.mark.stack("production")
class TestPostgres:
    @pytest.fixture
    def alias(self, add_database: AddDatabase) -> str:
        return add_database()

    @pytest.fixture
    def run(self, alias: str) -> Callable[[str], Any]:
        def run(sql: str) -> None:
            with connections[alias].cursor() as cursor:
                cursor.execute(sql)

        return run

    @pytest.mark.parametrize(
        ("state", "kind"),
        [
            ("08006", ErrorKind.UNAVAILABLE),
            ("57P01", ErrorKind.UNAVAILABLE),
            ("57P02", ErrorKind.UNAVAILABLE),
            ("57P03", ErrorKind.UNAVAILABLE),
            ("57P05", ErrorKind.UNAVAILABLE),
            ("25006", ErrorKind.UNAVAILABLE),
            ("25P03", ErrorKind.UNAVAILABLE),
            ("53100", ErrorKind.UNAVAILABLE),
            ("53200", ErrorKind.UNAVAILABLE),
            ("53300", ErrorKind.UNAVAILABLE),
            ("55P03", ErrorKind.UNAVAILABLE),
            ("58030", ErrorKind.UNAVAILABLE),
            ("40001", ErrorKind.CONFLICT),
            ("40P01", ErrorKind.CONFLICT),
            ("23505", ErrorKind.OURS),
            ("25P02", ErrorKind.OURS),
            ("42501", ErrorKind.OURS),
            ("54001", ErrorKind.OURS),
            ("55006", ErrorKind.OURS),
            ("XX000", ErrorKind.OURS),
            ("XX001", ErrorKind.OURS),
        ],
    )
    def test_states(self, run: Callable[[str], Any], state: str, kind: ErrorKind) -> None:
        error = raised(lambda: run(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))
        assert kind_of(error) is kind

    def test_timeouts(self, alias: str, run: Callable[[str], Any]) -> None:
        run("SET statement_timeout = 20")
        assert kind_of(raised(lambda: run("SELECT pg_sleep(20)"))) is ErrorKind.UNAVAILABLE
        run("SET statement_timeout = 0")
        run("SET lock_timeout = 20")
        with (
            psycopg.connect(**connections[alias].get_connection_params()) as other,
            other.transaction(),
        ):
            other.execute(f"LOCK TABLE {Inbox._meta.db_table} IN ACCESS EXCLUSIVE MODE")
            error = raised(Inbox.objects.using(alias).first)
        assert kind_of(error) is ErrorKind.UNAVAILABLE

    def test_a_transaction_that_was_idle_for_too_long(
        self, alias: str, run: Callable[[str], Any]
    ) -> None:
        def idle() -> None:
            with transaction.atomic(using=alias):
                run("SET LOCAL idle_in_transaction_session_timeout = 20")
                until_readable(connections[alias].connection)
                run("SELECT 1")

        assert kind_of(raised(idle)) is ErrorKind.UNAVAILABLE

    def test_a_connection_that_was_cut(self, alias: str, run: Callable[[str], Any]) -> None:
        run("SELECT 1")
        pid = connections[alias].connection.info.backend_pid
        with psycopg.connect(
            **connections[alias].get_connection_params(), autocommit=True
        ) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        until_readable(connections[alias].connection)
        assert kind_of(raised(lambda: run("SELECT 1"))) is ErrorKind.UNAVAILABLE

    def test_no_server(self, add_database: AddDatabase) -> None:
        alias = add_database(url="postgresql://nobody@127.0.0.1:1/nothing")
        error = raised(Inbox.objects.using(alias).first)
        assert kind_of(error) is ErrorKind.UNAVAILABLE

    def test_no_tables(self, run: Callable[[str], Any], alias: str) -> None:
        run(f"DROP TABLE {Inbox._meta.db_table} CASCADE")
        assert kind_of(raised(Inbox.objects.using(alias).first)) is ErrorKind.OURS


def until_readable(connection: Any) -> None:
    """Wait until the server has sent something: here, that it ends the connection."""
    ready, _, _ = select.select([connection.pgconn.socket], [], [], 20)
    assert ready


@pytest.mark.stack("embedded")
class TestSQLite:
    @pytest.fixture
    def alias(self, add_database: AddDatabase) -> str:
        return add_database(OPTIONS={"timeout": 0})

    @pytest.fixture
    def alice(self, alias: str) -> User:
        return User.objects.db_manager(alias).create_user("alice")

    def test_locked(self, alias: str, alice: User) -> None:
        name = str(connections[alias].settings_dict["NAME"])
        other = sqlite3.connect(name, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        error = raised(lambda: alice.save(using=alias))
        other.close()
        assert (kind_of(error), is_locked(error)) == (ErrorKind.UNAVAILABLE, True)

    def test_read_only(self, alias: str, alice: User) -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA query_only = on")
        error = raised(lambda: alice.save(using=alias))
        assert (kind_of(error), is_locked(error)) == (ErrorKind.UNAVAILABLE, False)

    def test_full(self, alias: str, alice: User) -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 1")
            names = (User(username=f"{n:0>150}") for n in range(5000))
            error = raised(lambda: User.objects.using(alias).bulk_create(names))
        assert kind_of(error) is ErrorKind.UNAVAILABLE

    def test_no_file(self, add_database: AddDatabase, tmp_path: Path) -> None:
        alias = add_database(url=f"sqlite:///{tmp_path}/missing/x.sqlite3")
        assert kind_of(raised(Inbox.objects.using(alias).first)) is ErrorKind.UNAVAILABLE

    def test_no_tables(self, add_database: AddDatabase, tmp_path: Path) -> None:
        alias = add_database(url=f"sqlite:///{tmp_path}/empty.sqlite3")
        assert kind_of(raised(Inbox.objects.using(alias).first)) is ErrorKind.OURS

    def test_wrong_values(self, alias: str, alice: User) -> None:
        error = raised(lambda: User.objects.using(alias).create(username="alice"))
        assert kind_of(error) is ErrorKind.OURS


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OperationalError("the connection is closed"), ErrorKind.UNAVAILABLE),
        (InterfaceError("connection already closed"), ErrorKind.UNAVAILABLE),
        (IntegrityError("twice"), ErrorKind.OURS),
        (InternalError("?"), ErrorKind.OURS),
        (ProgrammingError("?"), ErrorKind.OURS),
        (DatabaseError("?"), ErrorKind.OURS),
        (ConnectionError("of something else"), ErrorKind.OURS),
        (TimeoutError(), ErrorKind.OURS),
    ],
)
def test_errors_without_a_code(error: Exception, kind: ErrorKind) -> None:
    assert kind_of(error) is kind


def test_an_error_that_was_raised_from_another_has_its_kind() -> None:
    try:
        try:
            raise psycopg.errors.SerializationFailure("conflict")
        except psycopg.Error as cause:
            raise OperationalError("conflict") from cause
    except OperationalError as cause:
        outer = OperationalError("what it meant here")
        outer.__cause__ = cause
    assert kind_of(outer) is ErrorKind.CONFLICT


def test_a_lazy_user_does_not_turn_an_outage_into_a_wrong_argument() -> None:
    def load() -> User:
        raise InterfaceError("connection already closed")

    with pytest.raises(InterfaceError):
        live_inbox.send(recipient=SimpleLazyObject(load), title="x")
    with pytest.raises(InterfaceError):
        live_inbox.send(recipient=1, title=SimpleLazyObject(load))  # type: ignore[arg-type]


def test_no_other_module_decides_by_class() -> None:
    """`except OperationalError` would take a missing table for an outage, and miss a server that is read-only."""
    pattern = re.compile(r"except[^\n]*(OperationalError|InterfaceError|InternalError)")
    allowed = {"database.py", "feed.py"}
    found = {path.name for path in SOURCES if pattern.search(path.read_text())}
    assert found <= allowed
