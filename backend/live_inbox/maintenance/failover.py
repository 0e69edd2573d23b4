"""Failover: notices that PostgreSQL was restored or failed over, and gives every inbox a new epoch.

After that, the database may have lost what devices have received. Fingerprints recognise where the logs have gone on
differently (`live_inbox.delivery.position`). New epochs are for the rest: positions without a fingerprint, and clients
that have shown a list of the lost history and not resumed since.

A cluster is recognised by its system identifier, which a new one has, and its timeline, which each promotion and each
recovery to a point in time begins anew. A copy of the files that is started again has the same of both.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from live_inbox import database
from live_inbox.apps import deployment_id
from live_inbox.maintenance.repair import BATCH, renew_locked
from live_inbox.models import Deployment, Inbox
from live_inbox.sqlstates import sqlstate

logger = logging.getLogger(__name__)

_UNREADABLE = frozenset({"42501", "42883", "0A000", "55000"})
"""SQLSTATEs: no privilege, no such function, not supported, and a server that is in recovery."""

_CLUSTER = (
    "SELECT system_identifier, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
    " FROM pg_control_system() WHERE NOT pg_is_in_recovery()"
)


def current_cluster(connection: BaseDatabaseWrapper) -> str:
    """Return the id of the PostgreSQL cluster and of its timeline; an empty text if it cannot be read.

    On SQLite there is none. A standby has none either, until it is promoted.
    """
    if connection.vendor != "postgresql":
        return ""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLUSTER)
            found = cursor.fetchone()
    except DatabaseError as error:
        if sqlstate(error) not in _UNREADABLE:
            raise
        _report_once(str(error))
        return ""
    return "" if found is None else f"{found[0]}.{found[1]}"


@lru_cache(maxsize=1)
def _report_once(error: str) -> None:
    logger.warning("Failovers of PostgreSQL are not noticed, only what they have lost: %s", error)


def renew_after_failover(*, batch: int = BATCH) -> Iterator[int]:
    """Give every inbox a new epoch if the cluster is another one than before; yield after each transaction.

    Can run at any time, and concurrently: each step locks the row of Deployment, which records how far it has come.
    """
    connection = database.connection()
    cluster = current_cluster(connection)
    if not cluster or not _is_news(cluster):
        return
    # Creates the row where there is none.
    deployment_id()
    if connection.in_atomic_block:
        # Rows could not be locked for one step only.
        return
    while (renewed := _step(batch)) is not None:
        yield renewed


def _is_news(cluster: str) -> bool:
    known = database.queryset(Deployment).filter(cluster=cluster, renewed_through=None)
    return not known.exists()


@database.transactional
def _step(batch: int) -> int | None:
    """Renew one batch of inboxes, and return their number; None when all are done."""
    deployment = database.queryset(Deployment).select_for_update().first()
    if deployment is None:
        return None
    # Read again: it may have changed before the lock.
    cluster = current_cluster(database.connection())
    if not cluster:
        return None
    if deployment.cluster != cluster:
        is_first = not deployment.cluster
        if not is_first:
            logger.warning(
                "The database was restored or failed over (from %s to %s). All inboxes get new epochs: devices reload.",
                deployment.cluster,
                cluster,
            )
        _save(deployment, cluster, None if is_first else "")
        return None if is_first else 0
    if deployment.renewed_through is None:
        return None
    users = _next_users(deployment.renewed_through, batch)
    renewed = renew_locked(users)
    _save(deployment, cluster, str(users[-1]) if users else None)
    return renewed if users else None


def _next_users(after: str, batch: int) -> Sequence[Any]:
    inboxes = database.queryset(Inbox).order_by("pk")
    if after:
        inboxes = inboxes.filter(pk__gt=get_user_model()._meta.pk.to_python(after))
    return list(inboxes.values_list("pk", flat=True)[:batch])


def _save(deployment: Deployment, cluster: str, renewed_through: str | None) -> None:
    deployment.cluster = cluster
    deployment.renewed_through = renewed_through
    deployment.save(using=database.alias(), update_fields=["cluster", "renewed_through"])
