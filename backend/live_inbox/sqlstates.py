"""The SQLSTATEs of PostgreSQL that mean something to us, as its documentation lists them (Appendix A)."""

from __future__ import annotations

from django.db import Error

CONFLICTS = frozenset({"40001", "40P01"})
"""`serialization_failure` and `deadlock_detected`: nothing was written, and another attempt may succeed."""

READ_ONLY = "25006"
"""`read_only_sql_transaction`: a write on a standby, or on a server that has been made read-only."""

OUTAGES = frozenset(
    {
        READ_ONLY,
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "40003",  # statement_completion_unknown
        "55P03",  # lock_not_available: after lock_timeout, since no statement of ours says NOWAIT
    }
)
"""The database cannot do it at the moment."""

OUTAGE_CLASSES = frozenset(
    {
        "08",  # connection_exception
        "28",  # invalid_authorization_specification: a password that is being changed
        "3D",  # invalid_catalog_name: a database that is being restored
        "53",  # insufficient_resources: the disk is full, there are too many connections
        "57",  # operator_intervention: shutdown, crash, a start, and every cancelled statement
        "58",  # system_error: what is below PostgreSQL has failed
    }
)
"""The same, as the first two characters of SQLSTATEs."""


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an exception of Django's that was made from one of psycopg or psycopg2."""
    cause = error.__cause__
    while isinstance(cause, Error):
        cause = cause.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return None if state is None else str(state)
