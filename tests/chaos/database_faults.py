"""What a database does to its clients beside failing: locks, refusing to write, losing its end, being repaired."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, LiteralString, cast

import psycopg

from tests.chaos.database import PostgresDatabase, SqliteDatabase
from tests.chaos.fault import (
    DATABASE_ENDINGS,
    SLOW_DATABASE_ENDINGS,
    ActiveFault,
    fault,
    one_shared_inbox,
    readiness,
)
from tests.chaos.measuring import percentile
from tests.chaos.probing import Probe
from tests.chaos.schedule import EVERYTHING
from tests.chaos.system import SystemUnderTest
from tests.waiting import comes_true

PRESSURE_THREADS = 8
"""Requests for the locked inbox at a time: more than a server has threads."""
OTHERS_SECONDS = 3.0
"""The p99 of requests for other inboxes meanwhile, on a busy machine."""
READY_SECONDS = 15.0
RENEWED_SECONDS = 90.0
_CLUSTER: LiteralString = "SELECT cluster, renewed_through FROM live_inbox_deployment"


class _Pressure:
    """Requests for one inbox that is locked, and requests for all others beside them."""

    def __init__(self, system: SystemUnderTest, name: str, locked: tuple[int, str]) -> None:
        self._system = system
        self._name = name
        others = [user for user in system.users if user != locked]
        self._blocked = Probe(system, [locked], threads=PRESSURE_THREADS).start()
        self._others = Probe(system, others).start()

    def stop_measuring(self) -> None:
        """Stop the requests for others, and judge them. Called while the lock is still held."""
        self._others.stop()
        p99 = percentile(self._others.latencies, 0.99)
        self._system.notes.append(f"{self._name}: others: {self._others.summary()}")
        self._system.expect(
            p99 <= OTHERS_SECONDS, f"{self._name}: others waited: {self._others.summary()}"
        )
        unexpected = set(self._others.codes) - {""}
        self._system.expect(not unexpected, f"{self._name}: others got {sorted(unexpected)}")

    def stop(self) -> None:
        """Stop the requests for the locked inbox, and count those that had to wait."""
        self._blocked.stop()
        waited = sum(latency > 0.5 for latency in self._blocked.latencies)
        self._system.effect(self._name, "requests that waited for the lock", waited)
        self._system.effect(self._name, "requests for others", len(self._others.latencies))
        unexpected = set(self._blocked.codes) - {"", "SERVICE_UNAVAILABLE", "HTTP 503"}
        self._system.expect(not unexpected, f"{self._name}: it got {sorted(unexpected)}")


@fault(
    "row-lock",
    target="postgres",
    needs="relay",
    least_seconds=10.0,
    endings=SLOW_DATABASE_ENDINGS,
    holds=True,
)
def _row_lock(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Somebody holds the lock of one inbox, and requests for it wait. Nobody else may."""
    user, token = one_shared_inbox(system, rng)
    with psycopg.connect(system.database.url) as connection:
        connection.execute("SELECT 1 FROM live_inbox_inbox WHERE user_id = %s FOR UPDATE", [user])
        pressure = _Pressure(system, "row-lock", (user, token))
        yield
        pressure.stop_measuring()
        connection.rollback()
    pressure.stop()


@fault(
    "frozen-worker",
    target="postgres",
    needs="relay",
    least_seconds=10.0,
    endings=SLOW_DATABASE_ENDINGS,
    holds=True,
)
def _frozen_worker(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A worker is stopped within its transaction, which holds the lock of one inbox."""
    user, token = one_shared_inbox(system, rng)
    worker = system.write("frozen", "frozen", per_second=1, inboxes=[user])
    worker.wait_until(lambda: "inside" in worker.text())
    worker.freeze()
    pressure = _Pressure(system, "frozen-worker", (user, token))
    yield
    pressure.stop_measuring()
    system.kill_writers("frozen")
    pressure.stop()


@fault("sqlite-lock", target="locks", needs="sqlite", least_seconds=6.0, holds=True)
def _sqlite_lock(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Somebody holds the write lock of the file. Readers must not wait; writers have to."""
    assert isinstance(system.database, SqliteDatabase)
    with closing(sqlite3.connect(system.database.file, timeout=20)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        system.client_pool.request("drop", away=0.1)
        yield
        following = [is_following for is_following, _ in system.client_pool.request("status")]
        system.effect("sqlite-lock", "clients that came back meanwhile", sum(following))
        system.expect(all(following), f"sqlite-lock: {following.count(False)} clients had to wait")
        connection.execute("ROLLBACK")


@fault(
    "read-only",
    target="postgres",
    needs="postgres",
    least_seconds=4.0,
    endings=DATABASE_ENDINGS,
    holds=True,
)
def _read_only(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """The database takes no writes, like a primary that was demoted. Servers must not be ready."""
    _alter(system, "ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        for server in system.servers:
            seen = comes_true(lambda server=server: readiness(server) == 503, seconds=READY_SECONDS)  # type: ignore[misc]
            system.expect(seen, "read-only: /readyz did not answer 503")
            system.effect("read-only", "servers that were not ready", seen)
        probe = Probe(system, system.users[:4]).start()
        yield
        probe.stop()
        refused = len(probe.codes) - probe.codes.count("")
        system.effect("read-only", "writes refused", refused)
        unexpected = set(probe.codes) - {"", "SERVICE_UNAVAILABLE", "HTTP 503"}
        system.expect(not unexpected, f"read-only: writers got {sorted(unexpected)}")
    finally:
        _alter(system, "ALTER SYSTEM RESET default_transaction_read_only")
    for server in system.servers:
        is_ready = comes_true(lambda server=server: readiness(server) == 200, seconds=READY_SECONDS)  # type: ignore[misc]
        system.expect(is_ready, "read-only: a server did not get ready again")


def _alter(system: SystemUnderTest, statement: LiteralString) -> None:
    options = "-c default_transaction_read_only=off"
    with psycopg.connect(system.database.url, options=options, autocommit=True) as connection:
        connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")


# -- the log loses its end ---------------------------------------------------------------------------------


@fault(
    "failover",
    target=EVERYTHING,
    needs="postgres",
    only_alone=True,
    endings=SLOW_DATABASE_ENDINGS,
    holds=True,
    ends_epochs=True,
)
def _failover(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A standby that lagged behind is promoted: what it had not received is lost. No command is run.

    Within a minute, a server notices the new timeline, and gives every inbox a new epoch.
    """
    ((cluster, _),) = system.database.rows(_CLUSTER)
    yield from _lose_the_end(system, "failover", is_promoted=True)

    def is_renewed() -> bool:
        ((now, renewed_through),) = system.database.rows(_CLUSTER)
        return now != cluster and renewed_through is None

    began = time.monotonic()
    seen = comes_true(is_renewed, seconds=RENEWED_SECONDS)
    system.expect(seen, "failover: no server gave the inboxes new epochs")
    system.notes.append(f"failover: new epochs after {time.monotonic() - began:.0f} s")
    _expect_resets(system, [user for user, _ in system.users])


@fault(
    "lagging-copy",
    target=EVERYTHING,
    needs="postgres",
    only_alone=True,
    endings=SLOW_DATABASE_ENDINGS,
    holds=True,
    ends_epochs=True,
)
def _lagging_copy(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """The same with a copy of the disk, which has the old timeline: only the events show that it is another log."""
    yield from _lose_the_end(system, "lagging-copy", is_promoted=False)


def _lose_the_end(system: SystemUnderTest, name: str, *, is_promoted: bool) -> ActiveFault:
    postgres, database = system.postgres, system.database
    assert postgres is not None
    assert isinstance(database, PostgresDatabase)
    postgres.stop()
    postgres.copy_data(name)
    postgres.start()
    yield
    postgres.stop()
    # Where nobody else can reach it, everything that was committed is read once more.
    url, postgres.socket_directory = database.url, postgres.apart()
    postgres.start()
    database.url = url.replace(_quoted(postgres.directory), _quoted(postgres.socket_directory))
    system.archive.capture()
    before = database.heads()
    postgres.stop()
    database.url, postgres.socket_directory = url, postgres.directory
    postgres.replace_data(name, is_promoted=is_promoted)
    postgres.start()
    lost = sum(before[user].sequence - head.sequence for user, head in database.heads().items())
    system.effect(name, "events lost", lost)


def _quoted(path: object) -> str:
    from urllib.parse import quote

    return quote(str(path), safe="")


# -- repairs while everything runs -------------------------------------------------------------------------


@fault("renewed", target=EVERYTHING, is_instant=True, holds=True, ends_epochs=True)
def _renewed(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """`check_inboxes --restored` while servers and writers run: every inbox gets a new epoch."""
    before = system.database.heads()
    system.python("manage.py", "check_inboxes", "--restored")
    after = system.database.heads()
    renewed = [user for user in before if before[user].epoch != after[user].epoch]
    system.effect("renewed", "new epochs", len(renewed))
    _expect_resets(system, renewed)
    yield


@fault("repaired", target="postgres", is_instant=True, holds=True, ends_epochs=True)
def _repaired(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A log is damaged, and `check_inboxes --fix` repairs it while servers and writers run."""
    user, _ = one_shared_inbox(system, rng)
    before = system.database.heads()[user]
    damage = (
        f"DELETE FROM live_inbox_inboxevent WHERE inbox_id = {user} AND sequence ="
        f" (SELECT first_sequence FROM live_inbox_inbox WHERE user_id = {user})"
    )
    system.database.rows(cast("Any", damage))
    printed = system.python("manage.py", "check_inboxes", "--fix")
    system.effect("repaired", "findings", printed.count("; repaired."))
    is_new = system.database.heads()[user].epoch != before.epoch
    system.effect("repaired", "new epochs", is_new)
    _expect_resets(system, [user])
    yield


def _expect_resets(system: SystemUnderTest, users: Sequence[int]) -> None:
    system.expected_resets |= {
        spec.name: "EPOCH"
        for spec in system.specs
        if spec.protocol != "original" and spec.inbox in users
    }
