"""The SQLSTATEs of PostgreSQL that mean something to us, as its documentation lists them (Appendix A)."""

from __future__ import annotations

CONFLICTS = frozenset({"40001", "40P01"})
"""`serialization_failure` and `deadlock_detected`: nothing was written, and another attempt may succeed."""

READ_ONLY = "25006"
"""`read_only_sql_transaction`: a write on a standby, or on a server that has been made read-only."""


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an exception of Django's that has wrapped one of psycopg or psycopg2."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return None if state is None else str(state)
