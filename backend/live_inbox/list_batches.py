"""Lists that are asked for at the same moment, read by one call of a database thread and one statement.

Each statement and each turn of a thread costs more than a short list. So while lists are read, those who ask for the
newest of their inbox wait for the next reading, and are answered by that together.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from live_inbox import selectors
from live_inbox.batching import Batcher, no_pause
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_lane, is_for_thread_of_caller
from live_inbox.errors import InvalidInput
from live_inbox.lane_threads import DatabaseTimeout
from live_inbox.lanes import Lane
from live_inbox.name_columns import has_names_of_django
from live_inbox.selectors.lists import Page

T = TypeVar("T")

MOST = 8
"""Lists of one reading: a thread computes for two milliseconds at most for as many of a hundred."""

MOST_OF_USER = 2
"""Lists of one user that wait for a reading, or are read; others of theirs have turns of their own."""

SLOW_SECONDS = 0.05
"""After so long, the next reading no longer waits for one."""


@dataclass(frozen=True, slots=True)
class NewestList(Generic[T]):
    """The newest of a user's inbox: the arguments of `selectors.newest_pages`, and what is made of the page."""

    user_id: str
    limit: int
    read: bool | None
    render: Callable[[Page], T]
    """Called in the database thread."""
    fields: frozenset[str] | None = None


_Answer = tuple[Any, Exception | None]
"""What was made of the page, or what reading or making it has raised."""


class ListBatches:
    """The lists of the newest that are asked for on one event loop."""

    def __init__(self) -> None:
        self._batcher: Batcher[NewestList[Any], _Answer] = Batcher(
            _read_all, most=MOST, pause=no_pause, slow_seconds=SLOW_SECONDS
        )
        self._asked: Counter[str] = Counter()

    def takes(self, user_id: str) -> bool:
        """Whether a list of a user can be read together with others.

        Not one of a user who has some here already. Nor any with names of a project's own: it may make them of what
        is true of one request.
        """
        is_free = self._asked[user_id] < MOST_OF_USER
        return is_free and has_names_of_django() and not is_for_thread_of_caller()

    async def ask(self, asked: NewestList[T]) -> T:
        """Return what is made of the list. Raises what that raises, what the database raises, and DatabaseTimeout."""
        seconds = inbox_settings().database_seconds
        self._asked[asked.user_id] += 1
        try:
            async with asyncio.timeout(seconds):
                answer, error = await self._batcher.ask(asked)
        except TimeoutError:
            raise DatabaseTimeout(seconds, was_slow=True) from None
        finally:
            self._asked[asked.user_id] -= 1
            if not self._asked[asked.user_id]:
                del self._asked[asked.user_id]
        if error is not None:
            raise error
        made: T = answer
        return made


async def _read_all(lists: Sequence[NewestList[Any]]) -> Sequence[_Answer]:
    return await in_lane(Lane.REQUESTS, _answers, lists)


def _answers(lists: Sequence[NewestList[Any]]) -> list[_Answer]:
    """Read and render lists, in a database thread: those that ask for the same columns by one statement."""
    alike: dict[object, list[int]] = defaultdict(list)
    for place, asked in enumerate(lists):
        alike[asked.limit, asked.read, asked.fields].append(place)
    answers: list[_Answer] = [(None, None)] * len(lists)
    for places in alike.values():
        for place, answer in zip(
            places, _answers_alike([lists[each] for each in places]), strict=True
        ):
            answers[place] = answer
    return answers


def _answers_alike(lists: Sequence[NewestList[Any]]) -> Sequence[_Answer]:
    first = lists[0]
    try:
        pages = selectors.newest_pages(
            user_ids=[asked.user_id for asked in lists],
            limit=first.limit,
            read=first.read,
            fields=first.fields,
        )
    except InvalidInput as error:
        return [(None, error)] * len(lists)
    return [_rendered(asked, page) for asked, page in zip(lists, pages, strict=True)]


def _rendered(asked: NewestList[Any], page: Page) -> _Answer:
    try:
        return asked.render(page), None
    except Exception as error:
        return None, error


def list_batches() -> ListBatches:
    """Return the lists that are asked for on the running event loop."""
    loop = asyncio.get_running_loop()
    batches = _of_loops().get(loop)
    if batches is None:
        batches = _of_loops()[loop] = ListBatches()
    return batches


@lru_cache(maxsize=1)
def _of_loops() -> WeakKeyDictionary[asyncio.AbstractEventLoop, ListBatches]:
    return WeakKeyDictionary()
