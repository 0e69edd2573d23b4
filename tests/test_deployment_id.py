"""The id of the database: created once, whoever comes first, and read once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

from live_inbox.apps import deployment_id
from live_inbox.database_log import DatabaseLog
from live_inbox.deployment_id import DeploymentIds
from live_inbox.models import Deployment
from tests.stacks.cleaning import empty_database

THREADS = 8
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_row(transactional_db: None) -> Iterator[None]:
    """A database that has no id yet. Afterwards it has the one again that this process has read."""
    key = deployment_id()
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
        keys = list(pool.map(first_use, range(THREADS)))
    (row,) = Deployment.objects.all()
    assert keys == [row.key] * THREADS
    assert len(row.key) == 16


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
    assert Deployment.objects.get().key == kept


@pytest.mark.usefixtures("no_row")
def test_databases_have_ids_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = DeploymentIds()
    key = ids.current()
    monkeypatch.setitem(connection.settings_dict, "HOST", "elsewhere")
    Deployment.objects.update(key="another")
    assert ids.current() == "another"
    monkeypatch.undo()
    assert ids.current() == key


def test_the_hub_reads_the_same_id_as_the_doorbell() -> None:
    assert asyncio.run(DatabaseLog().deployment()) == deployment_id()


def test_cleaning_between_tests_leaves_it() -> None:
    key = DeploymentIds().current()
    empty_database("default")
    assert DeploymentIds().current() == key
