"""The private PostgreSQL: what tests that break it rely on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import LiteralString

import psutil
import psycopg
import pytest

from tests.stacks.child import ServerFailed
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry, tree

pytestmark = pytest.mark.stack("embedded")


def connect(server: PostgresServer, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(server.url(database), autocommit=True)


def answer(server: PostgresServer, query: LiteralString) -> object:
    with connect(server) as connection:
        row = connection.execute(query).fetchone()
        return None if row is None else row[0]


@pytest.fixture(scope="module")
def fast(process_registry: ProcessRegistry) -> Iterator[PostgresServer]:
    """One that is not durable, for tests that do not break it."""
    with PostgresServer(process_registry) as server:
        yield server


def test_a_killed_one_has_what_was_committed_and_nothing_else(
    private_postgres: PostgresServer,
) -> None:
    with connect(private_postgres) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    with closing(psycopg.connect(private_postgres.url())) as unfinished:
        unfinished.execute("INSERT INTO kept VALUES (2)")
        private_postgres.kill()
        with pytest.raises(psycopg.OperationalError):
            unfinished.commit()
    assert private_postgres.child.exit_code == -9

    private_postgres.start()
    assert answer(private_postgres, "SELECT sum(number) FROM kept") == 1


@pytest.mark.parametrize("is_promoted", [False, True])
def test_an_older_copy_goes_on_without_what_came_later(
    private_postgres: PostgresServer, is_promoted: bool
) -> None:
    timeline: LiteralString = "SELECT timeline_id FROM pg_control_checkpoint()"
    with connect(private_postgres) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    private_postgres.stop()
    private_postgres.copy_data("older")
    private_postgres.start()
    before = answer(private_postgres, timeline)
    with connect(private_postgres) as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
    private_postgres.stop()
    private_postgres.replace_data("older", is_promoted=is_promoted)
    private_postgres.start()
    recovering: LiteralString = "SELECT pg_is_in_recovery()"
    private_postgres.child.wait_until(lambda: answer(private_postgres, recovering) is False)
    assert answer(private_postgres, "SELECT count(*) FROM kept") == 0
    with connect(private_postgres) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
        connection.execute("CHECKPOINT")
    after = answer(private_postgres, timeline)
    assert isinstance(before, int)
    assert after == before + is_promoted


def test_one_can_listen_where_no_client_looks(private_postgres: PostgresServer) -> None:
    address = private_postgres.url()
    private_postgres.stop()
    private_postgres.socket_directory = private_postgres.apart()
    private_postgres.start()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)


def test_a_durable_one_has_the_settings_of_production(private_postgres: PostgresServer) -> None:
    settings: tuple[LiteralString, ...] = (
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "autovacuum",
    )
    assert [answer(private_postgres, "SHOW " + name) for name in settings] == ["on"] * 4


def test_a_frozen_one_stands_still_with_its_sessions_until_it_is_thawed(
    private_postgres: PostgresServer,
) -> None:
    with connect(private_postgres) as session:
        private_postgres.freeze()
        states = {process.status() for process in tree(psutil.Process(private_postgres.child.pid))}
        assert states == {psutil.STATUS_STOPPED}
        private_postgres.thaw()
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert answer(private_postgres, "SELECT 2") == 2


def test_it_restarts_on_the_same_address_with_its_data(fast: PostgresServer) -> None:
    url = fast.create_database("restarted")
    fast.restart()
    assert fast.url("restarted") == url
    with connect(fast, "restarted"):
        pass


def test_it_does_not_wait_for_sessions_when_it_stops(fast: PostgresServer) -> None:
    with connect(fast) as forgotten:
        fast.restart()
        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("SELECT 1")
    assert answer(fast, "SELECT 1") == 1


def test_a_database_can_be_copied_and_dropped(fast: PostgresServer) -> None:
    fast.create_database("original")
    with connect(fast, "original") as connection:
        connection.execute("CREATE TABLE copied (number int)")
    fast.create_database("copy", template="original")
    with connect(fast, "copy") as connection:
        connection.execute("INSERT INTO copied VALUES (1)")
        fast.drop_database("copy")
    with pytest.raises(psycopg.OperationalError, match='database "copy" does not exist'):
        connect(fast, "copy")


def test_it_listens_on_no_port(fast: PostgresServer) -> None:
    assert answer(fast, "SHOW listen_addresses") == ""


def test_a_server_that_cannot_start_reports_why(process_registry: ProcessRegistry) -> None:
    server = PostgresServer(process_registry).start()
    server.stop()
    (server.directory / "data" / "PG_VERSION").unlink()
    with pytest.raises(ServerFailed, match="is not a valid data directory"):
        server.start()
