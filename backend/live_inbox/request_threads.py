"""Runs the database code of requests in threads, so that no user and no locked inbox uses up the threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ParamSpec, TypeVar

from django.db import connections

from live_inbox import database
from live_inbox.database_threads import in_lane, in_shares
from live_inbox.lanes import Lane
from live_inbox.shares import Share

P = ParamSpec("P")
T = TypeVar("T")


LONG_LIST = 20
"""Entries beyond which a list is long: while a hundred large ones are made JSON, nothing else is computed for a
millisecond."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a request uses the database for: whose request it is, and the user whose inbox it changes, if it does."""

    caller_id: str
    changed_inbox: str | None = None
    is_long: bool = False
    """Whether it only reads, and much."""

    @classmethod
    def of_list(cls, caller_id: str, length: int) -> Use:
        """Return the use of a request for a list of so many entries."""
        return cls(caller_id, is_long=length > LONG_LIST)


SENT = ""
"""Stands for the inbox of a change whose recipient is not known yet: one such change of all users at a time."""

BULK = Use("")
"""The use of a request that changes many inboxes. It has a lane of its own."""


async def in_request_thread(
    use: Use, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call a synchronous function that uses the ORM, as `live_inbox.database_threads.in_lane` does.

    Calls beyond a share of the threads wait in the event loop:

    - one call may change an inbox at a time: its row's lock lets through no more;
    - on SQLite, one call at a time may change anything: the file's lock lets through no more. Elsewhere, one thread is
      left for calls that only read;
    - one caller's reads may use half of the threads, and those that are long one.
    """
    if use is BULK:
        return await in_lane(Lane.BULK, function, *args, **kwargs)
    return await in_shares(_shares_of(use), function, *args, **kwargs)


def _shares_of(use: Use) -> Sequence[Share]:
    threads = Lane.REQUESTS.threads
    if use.changed_inbox is None:
        reads = Share(("reads of", use.caller_id), (threads + 1) // 2)
        return (Share(("long reads of", use.caller_id), 1), reads) if use.is_long else (reads,)
    changing = 1 if _has_one_lock(database.alias()) else max(1, threads - 1)
    return Share(("inbox", use.changed_inbox), 1), Share("changes", changing)


@lru_cache(maxsize=16)
def _has_one_lock(alias: str) -> bool:
    """Whether a database has one lock for all who write. Memoized: an event loop has connections for each task."""
    return connections[alias].vendor == "sqlite"
