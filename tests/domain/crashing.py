"""Ending a process at any statement or commit, as far as its database can tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from typing import Any

import pytest
from django.db import Error, connection


class Crash(BaseException):
    """The end of the process."""


def _die() -> None:
    """End the process: its connection is gone, with the transaction that is open."""
    # The locks are gone at once: SQLite keeps that of a closed connection while a cursor of it is alive, and PostgreSQL
    # those of a lost one until it has noticed, which is after what comes next has skipped what is locked.
    connection.connection.rollback()
    connection.connection.close()
    raise Crash


def crash_at_each_step(*, after: bool) -> Iterator[AbstractContextManager[None]]:
    """Yield for each step in turn what crashes before or after it; at last, something that had no such step left."""
    for step in count():
        reached: list[int] = []
        yield crash_at(step, after=after, reached=reached)
        if not reached:
            return


@contextmanager
def crash_at(step: int, *, after: bool, reached: list[int] | None = None) -> Iterator[None]:
    """Crash before or after a step: a statement or a commit, counted from 0.

    A step that there was is added to `reached`.
    """
    steps = 0

    def stepping(act: Any, *args: Any) -> Any:
        nonlocal steps
        steps += 1
        is_last = steps == step + 1
        if is_last and reached is not None:
            reached.append(step)
        if is_last and not after:
            _die()
        result = act(*args)
        if is_last:
            _die()
        return result

    with pytest.MonkeyPatch.context() as patch:
        commit = connection._commit  # type: ignore[attr-defined]
        patch.setattr(connection, "_commit", lambda: stepping(commit))
        # After a crash, Django finds that the connection is gone.
        with (
            suppress(Crash, Error),
            connection.execute_wrapper(lambda execute, *args: stepping(execute, *args)),
        ):
            yield
    connection.close()
