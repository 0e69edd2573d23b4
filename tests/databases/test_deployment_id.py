"""The id of the database: created once, whoever comes first, and read once. A copy has another one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from live_inbox import database
from live_inbox.apps import deployment_id
from live_inbox.database_log import DatabaseLog
from live_inbox.deployment_id import DeploymentIds
from live_inbox.models import Deployment
from tests.databases.conftest import AddDatabase
from tests.stacks.cleaning import empty_database
from tests.stacks.stack import Stack

THREADS = 8
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_row(transactional_db: None) -> Iterator[None]:
    """A database that has no id yet. Afterwards it has the key again of which this process has made its own id."""
    deployment_id()
    key = Deployment.objects.get().key
    Deployment.objects.all().delete()
    yield
    Deployment.objects.update_or_create(id=1, defaults={"key": key})


@pytest.mark.usefixtures("no_row")
def test_processes_that_come_at_once_read_the_same_id() -> None:
    at_once = Barrier(THREADS)

    def first_use(_: int) -> str:
        try:
            at_once.wait(60)
            return DeploymentIds().current()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        ids = list(pool.map(first_use, range(THREADS)))
    assert Deployment.objects.count() == 1
    assert ids == [DeploymentIds().current()] * THREADS
    assert re.fullmatch("[0-9a-f]{16}", ids[0])


def test_it_is_read_once(django_assert_num_queries: Any) -> None:
    ids = DeploymentIds()
    key = ids.current()
    with django_assert_num_queries(0):
        assert ids.current() == key


@pytest.mark.usefixtures("no_row")
def test_an_id_that_a_transaction_takes_back_is_not_kept() -> None:
    ids = DeploymentIds()
    with transaction.atomic():
        undone = ids.current()
        assert ids.current() == undone
        transaction.set_rollback(True)
    kept = ids.current()
    assert kept != undone
    assert DeploymentIds().current() == kept


@pytest.mark.usefixtures("no_row")
def test_databases_have_ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = DeploymentIds()
    first = ids.current()
    monkeypatch.setitem(connection.settings_dict, "HOST", "elsewhere")
    Deployment.objects.update(key="another")
    second = ids.current()
    assert second not in (first, "another")
    monkeypatch.undo()
    assert ids.current() == first


def test_a_copy_of_a_database_has_another_id(
    stack: Stack, add_database: AddDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = stack.fresh_database()
    original = add_database(url=url)
    key = Deployment.objects.using(original).create().key
    connections[original].close()
    copy = add_database(url=stack.copy_of(url))
    assert Deployment.objects.using(copy).get().key == key
    ids: dict[str, str] = {}
    for alias in (original, copy):
        monkeypatch.setattr(database, "alias", lambda alias=alias: alias)
        ids[alias] = DeploymentIds().current()
        assert DeploymentIds().current() == ids[alias]
    assert ids[original] != ids[copy]


@pytest.mark.stack("production")
def test_a_role_that_may_not_read_the_control_file_has_an_id(
    stack: Stack, add_database: AddDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its processes and those of other roles then do not hear each other: the id is stable all the same."""
    alias = add_database()
    with connections[alias].cursor() as cursor:
        cursor.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        cursor.execute("DROP ROLE IF EXISTS restricted")
        cursor.execute("CREATE ROLE restricted")
        cursor.execute("GRANT SELECT, INSERT ON live_inbox_deployment TO restricted")
        cursor.execute("SET ROLE restricted")
    monkeypatch.setattr(database, "alias", lambda: alias)
    assert DeploymentIds().current() == DeploymentIds().current()
    with connections[alias].cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("DROP OWNED BY restricted")
        cursor.execute("DROP ROLE restricted")


def test_a_database_in_memory_has_an_id(
    add_database: AddDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    alias = add_database(url="sqlite://:memory:")
    call_command("migrate", "live_inbox", database=alias, verbosity=0)
    monkeypatch.setattr(database, "alias", lambda: alias)
    assert DeploymentIds().current() == DeploymentIds().current()


def test_the_hub_reads_the_same_id_as_the_doorbell() -> None:
    assert asyncio.run(DatabaseLog().deployment()) == deployment_id()


def test_cleaning_between_tests_leaves_it() -> None:
    key = DeploymentIds().current()
    empty_database("default")
    assert DeploymentIds().current() == key
