"""The parameters of the database connections of our own threads: every wait ends.

What a project's `OPTIONS` say counts more. The connections of a project's own threads are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from live_inbox.conf import InboxSettings

CONNECT_SECONDS = 3

ON_THE_NETWORK: Mapping[str, int] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}
"""Parameters of libpq. They concern this end of the connection only, so they work with every pooler. Seconds, but for
`tcp_user_timeout`, which is in milliseconds."""

LIMITS = "options"
"""The parameter of libpq that sets configuration of the server for one session."""


def on_the_network(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of a PostgreSQL connection with those of ON_THE_NETWORK that they lack."""
    return {**ON_THE_NETWORK, **parameters}


def with_limits(
    parameters: Mapping[str, Any], settings: InboxSettings, *, statement_seconds: float
) -> dict[str, Any]:
    """Return parameters of a PostgreSQL connection with the server's timeouts that they lack, as the settings say.

    They are startup parameters, not a `SET`: a pooler would let that reach other clients.
    """
    if not settings.postgres_limits:
        return dict(parameters)
    given = str(parameters.get(LIMITS) or "")
    limits = {
        "lock_timeout": settings.lock_seconds,
        "statement_timeout": statement_seconds,
        "idle_in_transaction_session_timeout": settings.idle_transaction_seconds,
    }
    added = [
        f"-c {name}={max(1, round(seconds * 1000))}"
        for name, seconds in limits.items()
        if seconds and name not in given
    ]
    return {**parameters, LIMITS: " ".join([given, *added]).strip()} if added else dict(parameters)


def refuses_limits(error: BaseException) -> bool:
    """Whether a connection failed because a pooler knows no startup parameter `options`, or not what is in it."""
    return "unsupported startup parameter" in str(error)
