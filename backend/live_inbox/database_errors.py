"""What an error of the database means: the one place that decides it, by SQLSTATE and by class of the driver."""

from __future__ import annotations

import sqlite3
from enum import StrEnum

from django.db import Error, InterfaceError, OperationalError

from live_inbox.sqlstates import CONFLICTS, OUTAGE_CLASSES, OUTAGES, sqlstate


class ErrorKind(StrEnum):
    """What can be done about an error. Clients receive the value of the first two as `reason`."""

    UNAVAILABLE = "database_unavailable"
    """The database does not answer, or takes no writes. Try again later; the statement may have been executed."""
    CONFLICT = "database_conflict"
    """Other transactions were in the way. Nothing was written, and another attempt may succeed."""
    OURS = "internal"
    """Everything else: a fault of the program or of its set-up."""

    @property
    def is_temporary(self) -> bool:
        """Whether the same call may succeed later."""
        return self is not ErrorKind.OURS


MESSAGES = {
    ErrorKind.UNAVAILABLE: "The database is not available at the moment. Try again later.",
    ErrorKind.CONFLICT: "Too many changes of the same inbox at the same time. Try again.",
}
"""What clients read."""

_OUTAGES_OF_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def kind_of(error: BaseException) -> ErrorKind:
    """Return what an exception means. What is not an exception of Django's database layer is OURS."""
    if not isinstance(error, Error):
        return ErrorKind.OURS
    state = sqlstate(error)
    if state is not None:
        return _kind_of_state(state)
    code = _sqlite_code(error)
    if code is not None:
        return ErrorKind.UNAVAILABLE if code in _OUTAGES_OF_SQLITE else ErrorKind.OURS
    # Without a connection there is no server to give a SQLSTATE.
    if isinstance(error, OperationalError | InterfaceError):
        return ErrorKind.UNAVAILABLE
    return ErrorKind.OURS


def is_locked(error: BaseException) -> bool:
    """Whether another writer holds the lock of an SQLite database."""
    return _sqlite_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _kind_of_state(state: str) -> ErrorKind:
    if state in CONFLICTS:
        return ErrorKind.CONFLICT
    if state in OUTAGES or state[:2] in OUTAGE_CLASSES:
        return ErrorKind.UNAVAILABLE
    return ErrorKind.OURS


def _sqlite_code(error: BaseException) -> int | None:
    """Return the primary result code of SQLite."""
    cause: BaseException | None = error
    while isinstance(cause, Error):
        cause = cause.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF
