"""Operations for migrations that run while servers of the release before serve.

docs/operating/upgrading.md says what a migration may do; tests/upgrades/test_migrations.py holds each one to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddIndex
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

LOCK_SECONDS = 2


class LimitLockWaits(Operation):
    """Has the transaction of a migration wait for each lock for two seconds at most. Comes before what changes tables.

    A statement that waits for the lock of a table has everybody wait who comes after it, readers too. If it fails, the
    migration is rolled back, and `manage.py migrate` can be run again at once. Does nothing on SQLite.
    """

    reversible = True

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing of the models."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Set the limit until the end of the transaction."""
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")

    database_backwards = database_forwards

    def describe(self) -> str:
        """Return what it does, for `manage.py migrate --plan`."""
        return "Limit how long the migration waits for locks"


class AddIndexWhileServing(AddIndex):
    """Adds an index of an existing table without keeping writers waiting. Its migration has `atomic = False`.

    On PostgreSQL it is built CONCURRENTLY, without a limit of time: it waits for transactions, and keeps none waiting.
    What an earlier attempt has left unfinished is replaced. On SQLite it is an ordinary index.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Build the index. Raises NotSupportedError within a transaction."""
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if connection.in_atomic_block:
            raise NotSupportedError("The migration needs atomic = False.")
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(connection.alias, model):
            return
        editor: Any = schema_editor
        with _without_limits(schema_editor):
            editor.remove_index(model, self.index, concurrently=True)
            editor.add_index(model, self.index, concurrently=True)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Remove the index."""
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(connection.alias, model):
            editor: Any = schema_editor
            with _without_limits(schema_editor):
                editor.remove_index(model, self.index, concurrently=True)


@contextmanager
def _without_limits(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    """Let statements take as long as they need, whatever limits the connection was made with."""
    names = ("lock_timeout", "statement_timeout")
    for name in names:
        schema_editor.execute(f"SET {name} = 0")
    try:
        yield
    finally:
        for name in names:
            schema_editor.execute(f"RESET {name}")
