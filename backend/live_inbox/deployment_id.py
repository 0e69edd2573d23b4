"""The id of the database, read once per process and database."""

from __future__ import annotations

from live_inbox import database
from live_inbox.models import Deployment

DatabaseName = tuple[object, ...]


class DeploymentIds:
    """Reads the id of the database in use, and creates it on first use."""

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
        key = _read()
        if not database.connection().in_atomic_block:
            self._ids[name] = key
        return key


def _database_name() -> DatabaseName:
    connection = database.connection()
    settings = connection.settings_dict
    return connection.vendor, settings["NAME"], settings["HOST"], settings["PORT"]


def _read() -> str:
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
