"""manage.py migrate: Django's command, but it leaves the tables of other projects alone.

The site may use the database of a project. There, Django's own command would bring the project's `auth` or `sessions`
tables to the version that the site has of them.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

APP = "live_inbox"


class Command(DjangoCommand):
    """Migrates the site's database. On the database of another project, migrates the app alone."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse what would touch the tables of another project."""
        connection = connections[options["database"]]
        if strangers := _apps_of_others(connection):
            _refuse(connection, strangers, options["app_label"])
        super().handle(*args, **options)


def _apps_of_others(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the apps that have migrated this database and that the site does not have."""
    recorder = MigrationRecorder(connection)
    if not recorder.has_table():
        return []
    migrated = {app for app, _ in recorder.applied_migrations()}
    return sorted(migrated - {config.label for config in apps.get_app_configs()})


def _refuse(connection: BaseDatabaseWrapper, strangers: list[str], app_label: str | None) -> None:
    if app_label != APP:
        raise CommandError(
            f"This is the database of another project (it has the app {strangers[0]!r}). To add the tables of "
            f"the inbox and nothing else, run `manage.py migrate {APP}`."
        )
    users = get_user_model()._meta.db_table
    if users not in connection.introspection.table_names():
        raise CommandError(
            f"The project has a user model of its own: there is no table {users!r}. Install the app into the "
            "project, or give the site a database of its own (docs/service.md)."
        )
