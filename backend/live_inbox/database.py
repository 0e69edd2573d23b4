"""The database of the inbox, and transactions on it.

The project's routers choose it: it is where they write the model `Inbox`. Reads go there as well: a replica that lags
would give a position that is too old, or not know the user whom a send is for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import DateTimeField, Func, Model, QuerySet
from django.utils import timezone

from live_inbox import statement_timing
from live_inbox.clock import clock
from live_inbox.models import Inbox
from live_inbox.sqlstates import CONFLICTS, sqlstate

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=Model)

ATTEMPTS = 6
"""How often a transaction is tried that other transactions conflict with."""

RETRY_SECONDS = 0.01
"""The longest wait before the second attempt. It doubles with each further one, and has a random length."""


def alias() -> str:
    """Return the alias, in Django's setting `DATABASES`, of the database of the inbox."""
    return router.db_for_write(Inbox)


def connection() -> BaseDatabaseWrapper:
    """Return this thread's connection to the database of the inbox."""
    return connections[alias()]


def measure_statements() -> None:
    """Measure the statements of connections to the database of the inbox, in whatever thread they are made."""
    connection_created.connect(_watch, dispatch_uid="live_inbox.statement_timing")


def _watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.alias == alias():
        statement_timing.watch(connection)


def queryset(model: type[M]) -> QuerySet[M]:
    """Return all rows of a model in the database of the inbox: of one of ours, or of the user model."""
    return model._default_manager.using(alias())


def now() -> datetime:
    """Return the database's time, by a query of its own. SQLite has the clock of the machine that it runs on."""
    using = connection()
    if using.vendor != "postgresql":
        return timezone.now()
    began = clock.monotonic()
    with using.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    clock.measured(moment.timestamp(), began=began, ended=clock.monotonic())
    return moment


class ClockTimestamp(Func):
    """PostgreSQL's time of day at the moment of the call, whenever the transaction has begun."""

    function = "CLOCK_TIMESTAMP"
    arity = 0
    output_field = DateTimeField()


def transactional(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function in one transaction on the database of the inbox, or as a part of the caller's.

    Where other transactions conflict with it (a serialization failure or a deadlock), the function is called again, in
    a new transaction: it must change nothing but the database. Raises the OperationalError of the conflict after
    ATTEMPTS, and at once within a transaction of the caller's, who alone can repeat it.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        using = alias()
        try:
            with _transaction(using):
                return function(*args, **kwargs)
        except OperationalError as error:
            if not _may_retry(error, using):
                raise
        return _retry(lambda: _in_read_committed(function, using, *args, **kwargs), using)

    return call


def reading(function: Callable[P, T]) -> Callable[P, T]:
    """Call a function that only reads, outside of a transaction of its own, again where others conflict with it.

    With SERIALIZABLE as the default isolation, even a single SELECT may have to be repeated. Raises what
    `transactional` raises.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except OperationalError as error:
            using = alias()
            if not _may_retry(error, using):
                raise
        return _retry(lambda: function(*args, **kwargs), using)

    return call


def non_atomic(view: Callable[P, T]) -> Callable[P, T]:
    """Exempt an asynchronous view from ATOMIC_REQUESTS of every database: Django refuses such views otherwise."""
    for using in connections:
        view = transaction.non_atomic_requests(using=using)(view)
    return view


def commits_each_statement() -> bool:
    """Whether a statement that changes several tables is a transaction of its own here: on PostgreSQL, and outside of
    the caller's transactions."""
    using = connection()
    return using.vendor == "postgresql" and not using.in_atomic_block and using.get_autocommit()


def transaction_block() -> AbstractContextManager[Any]:
    """Return a transaction that is not repeated, for checks."""
    return transaction.atomic(using=alias())


def _transaction(using: str) -> AbstractContextManager[Any]:
    if connections[using].vendor == "sqlite":
        return _ImmediateTransaction(using, savepoint=True, durable=False)
    return transaction.atomic(using=using)


def _in_read_committed(
    function: Callable[P, T], using: str, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run a function in a transaction that sees what others have committed before each of its statements.

    The locks of inboxes need no more. With a default of REPEATABLE READ or SERIALIZABLE, every transaction that had to
    wait for a lock fails. Of 48 that wait for one inbox, most would fail again and again.
    """
    with _transaction(using):
        if connections[using].vendor == "postgresql":
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        return function(*args, **kwargs)


def _retry(attempt: Callable[[], T], using: str) -> T:
    """Make all attempts but the first, each after a random wait."""
    for number in range(1, ATTEMPTS):
        time.sleep(random.uniform(0, RETRY_SECONDS * 2 ** (number - 1)))  # noqa: S311  # no secret
        try:
            return attempt()
        except OperationalError as error:
            if number == ATTEMPTS - 1 or not _may_retry(error, using):
                raise
    raise AssertionError("unreachable")


def _may_retry(error: OperationalError, using: str) -> bool:
    if sqlstate(error) not in CONFLICTS:
        return False
    connection = connections[using]
    return not connection.in_atomic_block and connection.get_autocommit()


class _ImmediateTransaction(transaction.Atomic):
    """A transaction on SQLite that takes the write lock when it begins, whatever the option `transaction_mode` says.

    By default, a transaction of SQLite begins as a reader. When it writes, and another has written meanwhile, it fails
    with "database is locked", without waiting for the timeout.
    """

    def __enter__(self) -> None:
        connection: Any = connections[self.using or "default"]
        # To connect sets the mode, from the settings.
        connection.ensure_connection()
        mode = connection.transaction_mode
        connection.transaction_mode = "EXCLUSIVE" if mode == "EXCLUSIVE" else "IMMEDIATE"
        try:
            super().__enter__()
        finally:
            connection.transaction_mode = mode
