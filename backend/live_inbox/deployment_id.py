"""The deployment id: names one database among all whose sites may share a channel layer. Read once per process."""

from __future__ import annotations

import hashlib
import os

from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.models import Deployment

DatabaseName = tuple[object, ...]


class DeploymentIds:
    """Reads the id of the database in use, and creates its key on first use."""

    def __init__(self) -> None:
        self._ids: dict[DatabaseName, str] = {}

    def current(self) -> str:
        """Return the id of the database of the inbox. Raises a DatabaseError when it has to be read and cannot be.

        Within a transaction it is read each time: the row may be undone with the transaction that created it.
        """
        name = _database_name()
        known = self._ids.get(name)
        if known is not None:
            return known
        read = _id_of(_read_key(), _place(database.connection()))
        if not database.connection().in_atomic_block:
            self._ids[name] = read
        return read


def _database_name() -> DatabaseName:
    connection = database.connection()
    settings = connection.settings_dict
    return connection.vendor, settings["NAME"], settings["HOST"], settings["PORT"]


def _id_of(key: str, place: str) -> str:
    """Return the id of a database: a copy has the same key, but is at another place."""
    return hashlib.blake2b(f"{key} {place}".encode(), digest_size=8).hexdigest()


def _place(connection: BaseDatabaseWrapper) -> str:
    """Return what tells a database from a copy of it, whatever name it is connected to by; empty if nothing does.

    A PostgreSQL server that has taken over from another one is at the same place: it goes on with the same data.
    """
    if connection.vendor == "postgresql":
        return _place_in_postgresql(connection)
    if connection.vendor == "sqlite":
        return _place_in_file_system(str(connection.settings_dict["NAME"]))
    return ""


def _place_in_postgresql(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::text,"
            " coalesce(has_function_privilege(to_regprocedure('pg_control_system()'), 'EXECUTE'), false)"
            " FROM pg_database WHERE datname = current_database()"
        )
        oid, has_identifier = cursor.fetchone()
        if not has_identifier:
            return f"{oid}"
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        return f"{oid} {cursor.fetchone()[0]}"


def _place_in_file_system(file: str) -> str:
    """Return the identity of a file. All processes that share it are on one machine: SQLite's WAL needs that."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):  # a database in memory
        return ""
    return f"{found.st_dev} {found.st_ino}"


def _read_key() -> str:
    keys = database.queryset(Deployment).values_list("key", flat=True)
    key = keys.first()
    if key is None:
        # Of several processes that come at once, the database lets one insert; all read the same row.
        _create()
        key = keys.get()
    return key


@database.transactional
def _create() -> None:
    database.queryset(Deployment).bulk_create([Deployment()], ignore_conflicts=True)
