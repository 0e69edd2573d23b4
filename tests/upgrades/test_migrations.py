"""Migrations run while servers of the release before serve: none keeps writers waiting, none breaks those servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections, migrations, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.functions import Now

from live_inbox.migrations._operations import AddIndexWhileServing, LimitLockWaits
from tests.stacks.stack import Stack
from tests.upgrades.migration_rules import APP, MigrationCheck
from tests.upgrades.next_release import NEW_FILES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("production")]

TABLE = "live_inbox_notification"
ALIAS = "migrated"
LIMIT = LimitLockWaits()


@pytest.fixture
def migrated(stack: Stack) -> Iterator[BaseDatabaseWrapper]:
    """A connection to a database that has all migrations."""
    yield from connected(stack, stack.fresh_database())


@pytest.fixture
def empty(stack: Stack) -> Iterator[BaseDatabaseWrapper]:
    """A connection to a database without tables."""
    yield from connected(stack, stack.empty_database("migrations"))


def connected(stack: Stack, url: str) -> Iterator[BaseDatabaseWrapper]:
    # With an alias: Django finds the connection of a transaction by that.
    opened = connections[ALIAS] = connection.copy(alias=ALIAS)
    opened.settings_dict["NAME"] = url.rsplit("/", 1)[1]
    # The limits of the standalone site, whose `manage.py migrate` has them.
    limits = "-c lock_timeout=5000 -c statement_timeout=120000"
    opened.settings_dict["OPTIONS"] = {"options": limits}
    yield opened
    opened.close()
    del connections[ALIAS]
    stack.remove(url)


def test_each_migration_may_run_while_servers_serve(empty: BaseDatabaseWrapper) -> None:
    executor = MigrationExecutor(empty)
    loader = executor.loader
    own = [key for key in loader.graph.leaf_nodes() if key[0] == APP]
    plan = [migration for migration, _ in executor.migration_plan(own)]
    check = MigrationCheck(empty)
    state = ProjectState()
    found = {}
    for migration in plan:
        if migration.app_label == APP:
            found[migration.name] = check.problems(migration, state)
            state = loader.project_state((APP, migration.name))
        else:
            with empty.schema_editor(atomic=migration.atomic) as editor:
                state = migration.apply(state, editor)
    assert found.keys() >= {"0001_initial"}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_those_of_the_next_release_may(migrated: BaseDatabaseWrapper) -> None:
    check = MigrationCheck(migrated)
    state = state_of(migrated)
    for file, text in NEW_FILES.items():
        names: dict[str, Any] = {}
        exec(text, names)  # a declared text of the tests
        migration: Migration = names["Migration"](file.rsplit("/", 1)[1][:-3], APP)
        assert check.problems(migration, state) == []
        state = migration.mutate_state(state)


def test_an_index_that_was_left_unfinished_is_replaced(migrated: BaseDatabaseWrapper) -> None:
    with migrated.cursor() as cursor:
        cursor.execute(f'CREATE INDEX "left" ON {TABLE} (id)')
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'left'::regclass")
    add = AddIndexWhileServing("notification", models.Index(fields=["type"], name="left"))
    assert problems_of(migrated, [add], atomic=False) == []


def char(**options: Any) -> models.CharField[Any, Any]:
    return models.CharField(max_length=16, **options)


def add(field: models.Field[Any, Any]) -> Operation:
    return migrations.AddField("notification", "shade", field)


GONE = f"{TABLE}.link is gone, and the release before uses it"
REQUIRED = f"{TABLE}.shade needs a value, which the release before does not write: db_default"
NEW_NAME = f"{TABLE}.address needs a value, which the release before does not write: db_default"
WAITING = f"{TABLE}: a lock is waited for too long: LimitLockWaits"
SCANNED = f"{TABLE}: a constraint is checked for all rows while writers wait: NOT VALID"
INDEXED = f"{TABLE}: an index is built while writers wait: AddIndexWhileServing"


@pytest.mark.parametrize(
    ("operations", "problems"),
    [
        ([LIMIT, add(char(null=True))], []),
        ([LIMIT, add(char(db_default=""))], []),
        ([LIMIT, add(models.DateTimeField(null=True))], []),
        ([add(char(null=True))], [WAITING]),
        # Django takes the default away again.
        ([LIMIT, add(char(default=""))], [REQUIRED]),
        (
            [LIMIT, add(models.FloatField(db_default=models.functions.Random()))],
            [f"{TABLE} is rewritten"],
        ),
        ([LIMIT, add(models.DateTimeField(db_default=Now()))], []),
        (
            [
                LIMIT,
                add(
                    models.ForeignKey(
                        "live_inbox.deployment", models.CASCADE, null=True, db_index=False
                    )
                ),
            ],
            [SCANNED],
        ),
        (
            [LIMIT, migrations.AlterField("notification", "read_at", models.DateTimeField())],
            [f"{TABLE}.read_at needs a value, which the release before does not write: db_default"],
        ),
        (
            [LIMIT, migrations.AlterField("notification", "title", models.TextField())],
            [f"{TABLE}.title has another type"],
        ),
        (
            [
                LIMIT,
                migrations.AlterField(
                    "notification", "performed_action", models.BinaryField(null=True)
                ),
            ],
            [f"{TABLE} is rewritten", f"{TABLE}.performed_action has another type"],
        ),
        ([LIMIT, migrations.RemoveField("notification", "link")], [GONE]),
        ([LIMIT, migrations.RenameField("notification", "link", "address")], [NEW_NAME, GONE]),
        (
            [LIMIT, migrations.DeleteModel("UndoStep")],
            ["live_inbox_undostep is gone, and the release before uses it"],
        ),
        (
            [migrations.AddIndex("notification", models.Index(fields=["type"], name="by_type"))],
            [INDEXED],
        ),
        (
            [
                LIMIT,
                migrations.AddConstraint(
                    "notification",
                    models.CheckConstraint(condition=models.Q(title__gt=""), name="titled"),
                ),
            ],
            [SCANNED],
        ),
        (
            [LIMIT, migrations.RunSQL(f'UPDATE "{TABLE}" SET link = link')],
            [f"{TABLE}: rows are changed: that is for a command, in parts"],
        ),
        (
            [
                migrations.CreateModel(
                    "Fresh", [("id", models.BigAutoField(primary_key=True)), ("name", char())]
                )
            ],
            [],
        ),
    ],
)
def test_what_a_migration_must_not_do(
    migrated: BaseDatabaseWrapper, operations: list[Operation], problems: list[str]
) -> None:
    assert problems_of(migrated, operations) == problems


def test_an_index_is_not_built_with_a_limit_of_time(migrated: BaseDatabaseWrapper) -> None:
    build = migrations.RunSQL(f'CREATE INDEX CONCURRENTLY "by_type" ON "{TABLE}" (type)')
    assert problems_of(migrated, [build], atomic=False) == [
        "an index is built with a limit of time, which may leave it unfinished"
    ]


def test_what_the_release_before_does_not_use_may_go(migrated: BaseDatabaseWrapper) -> None:
    operations = [LIMIT, migrations.RemoveField("notification", "link")]
    assert problems_of(migrated, operations, no_longer_used=(f"{TABLE}.link",)) == []


def problems_of(
    on: BaseDatabaseWrapper, operations: list[Operation], **attributes: Any
) -> list[str]:
    migration = type("Migration", (Migration,), {"operations": operations, **attributes})(
        "0002", APP
    )
    return MigrationCheck(on).problems(migration, state_of(on))


def state_of(on: BaseDatabaseWrapper) -> ProjectState:
    return MigrationExecutor(on).loader.project_state()
