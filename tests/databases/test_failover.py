"""PostgreSQL is restored or failed over: the cluster is recognised as another one, and inboxes get new epochs, once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from live_inbox import selectors, services
from live_inbox.delivery.log import ResetReason
from live_inbox.maintenance import failover
from live_inbox.maintenance.failover import current_cluster, renew_after_failover
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Deployment, Inbox
from tests.databases.conftest import AddDatabase
from tests.stacks.postgres_server import PostgresServer

SetCluster = Callable[[str], None]


def begin_new_timeline(server: PostgresServer) -> None:
    """Restart the server as after a recovery from an archive, which ends in a promotion."""
    data = server.directory / "data"
    owner = data.stat()

    def write(path: Path, text: str) -> None:
        with path.open("a") as file:
            file.write(text)
        os.chown(path, owner.st_uid, owner.st_gid)

    server.stop()
    write(data / "postgresql.auto.conf", "restore_command = 'false'\n")
    write(data / "recovery.signal", "")
    server.start()
    deadline = time.monotonic() + 60
    with psycopg.connect(server.url(), autocommit=True) as admin:
        while admin.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
            assert time.monotonic() < deadline, "the recovery does not end"
            time.sleep(0.05)


@pytest.mark.stack("production")
def test_an_ordinary_role_sees_that_the_timeline_has_changed(
    add_database: AddDatabase, private_postgres: PostgresServer
) -> None:
    with psycopg.connect(private_postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE ROLE ordinary LOGIN")
    url = private_postgres.url().replace("//postgres@", "//ordinary@")
    alias = add_database(url=url)
    before = current_cluster(connections[alias])
    connections[alias].close()
    private_postgres.stop()
    private_postgres.start()
    assert current_cluster(connections[alias]) == before
    connections[alias].close()
    begin_new_timeline(private_postgres)
    after = current_cluster(connections[alias])
    system, timeline = before.split(".")
    assert after == f"{system}.{int(timeline, 16) + 1:08X}"


@pytest.mark.stack("production")
def test_another_cluster_has_another_id(
    add_database: AddDatabase, private_postgres: PostgresServer, db: None
) -> None:
    alias = add_database(url=private_postgres.url())
    assert current_cluster(connections[alias]) != current_cluster(connection)


@pytest.mark.stack("production")
def test_a_role_that_may_not_see_it_goes_without(
    add_database: AddDatabase,
    private_postgres: PostgresServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with psycopg.connect(private_postgres.url(), autocommit=True) as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        admin.execute("CREATE ROLE limited LOGIN")
    alias = add_database(url=private_postgres.url().replace("//postgres@", "//limited@"))
    assert current_cluster(connections[alias]) == current_cluster(connections[alias]) == ""
    (record,) = caplog.records
    assert "permission denied" in record.getMessage()


@pytest.mark.stack("embedded")
def test_sqlite_has_no_cluster(db: None) -> None:
    assert current_cluster(connection) == ""
    assert list(renew_after_failover()) == []


@pytest.fixture
def set_cluster(monkeypatch: pytest.MonkeyPatch) -> SetCluster:
    """Say which cluster the database is in."""

    def set(cluster: str) -> None:
        monkeypatch.setattr(failover, "current_cluster", lambda connection: cluster)

    set("1.00000001")
    return set


@pytest.fixture
def users(transactional_db: None) -> list[User]:
    """Five users with a notification each."""
    # A server that an earlier test started may have recorded the real cluster.
    Deployment.objects.update(cluster="", renewed_through=None)
    users = [User.objects.create_user(f"u{n}") for n in range(5)]
    services.send_many(recipient_ids=[user.pk for user in users], title="x")
    return users


def epochs() -> list[str]:
    return list(Inbox.objects.order_by("pk").values_list("epoch", flat=True))


def test_a_new_cluster_gives_every_inbox_a_new_epoch_once(
    users: list[User], set_cluster: SetCluster
) -> None:
    first = epochs()
    list(renew_after_failover())
    list(renew_after_failover())
    assert epochs() == first
    seen = selectors.inbox_state(user_id=users[0].pk).position
    set_cluster("1.00000002")
    list(renew_after_failover(batch=2))
    second = epochs()
    assert not {*first} & {*second}
    assert Deployment.objects.get().cluster == "1.00000002"
    head = selectors.heads([str(users[0].pk)])[str(users[0].pk)]
    assert head.loss(seen) is ResetReason.EPOCH
    list(renew_after_failover())
    assert epochs() == second
    assert list(check_inboxes()) == []


def test_a_process_that_is_killed_half_way_is_continued_by_another(
    users: list[User], set_cluster: SetCluster
) -> None:
    list(renew_after_failover())
    first = epochs()
    set_cluster("2.00000001")
    killed = renew_after_failover(batch=2)
    # The beginning, and the first batch.
    assert [next(killed), next(killed)] == [0, 2]
    half = epochs()
    assert [new != old for new, old in zip(half, first, strict=True)] == [True] * 2 + [False] * 3
    list(renew_after_failover(batch=2))
    assert epochs()[:2] == half[:2]
    assert not {*first} & {*epochs()}


@pytest.mark.stack("production")
def test_two_processes_at_once_renew_each_inbox_once(
    users: list[User], set_cluster: SetCluster
) -> None:
    list(renew_after_failover())
    set_cluster("1.00000002")
    at_once = Barrier(2)

    def renew(_: int) -> int:
        try:
            at_once.wait(60)
            return sum(renew_after_failover(batch=1))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as executor:
        assert sum(executor.map(renew, range(2))) == len(users)
