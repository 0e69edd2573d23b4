"""Lists that are asked for at the same moment, read by one call of a database thread and one statement.

Each statement and each turn of a thread costs more than a short list. So while lists are read, those who ask for the
newest of their inbox wait for the next reading, and are answered by that together.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from live_inbox import selectors
from live_inbox.batching import Batcher, no_pause
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_lane, is_for_thread_of_caller
from live_inbox.errors import InvalidInput
from live_inbox.lane_threads import DatabaseTimeout
from live_inbox.lanes import Lane
from live_inbox.name_columns import has_names_of_django

if TYPE_CHECKING:
    # It relies on internals of graphql-core.
    from live_inbox_graphql.compiled.queries import CompiledQuery

MOST = 8
"""Lists of one reading: a thread computes for two milliseconds at most for as many of a hundred."""

MOST_OF_USER = 2
"""Lists of one user that wait for a reading, or are read; others of theirs have turns of their own."""

SLOW_SECONDS = 0.05
"""After so long, the next reading no longer waits for one."""


@dataclass(frozen=True, slots=True)
class _Question:
    query: CompiledQuery
    user_id: str


Answer = bytes | None | Exception
"""The result; None where graphql-core has to report errors; what reading it has raised."""


class ListBatches:
    """The lists of the newest that are asked for on one event loop."""

    def __init__(self) -> None:
        self._batcher: Batcher[_Question, Answer] = Batcher(
            _read_all, most=MOST, pause=no_pause, slow_seconds=SLOW_SECONDS
        )
        self._asked: Counter[str] = Counter()

    def takes(self, query: CompiledQuery, user_id: str) -> bool:
        """Whether a query can be answered together with others.

        Not one of a user who has some here already. Nor one for the names of a project's own: it may make them of
        what is true of one request.
        """
        asked = query.list_arguments
        if asked is None or not asked.is_newest or query.wants_viewer:
            return False
        is_free = self._asked[user_id] < MOST_OF_USER
        return is_free and has_names_of_django() and not is_for_thread_of_caller()

    async def ask(self, query: CompiledQuery, user_id: str) -> Answer:
        """Return the result for a user. Raises what the database raises, and DatabaseTimeout."""
        seconds = inbox_settings().database_seconds
        self._asked[user_id] += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._batcher.ask(_Question(query, user_id))
        except TimeoutError:
            raise DatabaseTimeout(seconds, was_slow=True) from None
        finally:
            self._asked[user_id] -= 1
            if not self._asked[user_id]:
                del self._asked[user_id]


async def _read_all(questions: Sequence[_Question]) -> Sequence[Answer]:
    return await in_lane(Lane.REQUESTS, _answers, questions)


def _answers(questions: Sequence[_Question]) -> list[Answer]:
    """Read and encode lists, in a database thread: those that ask for the same columns by one statement."""
    alike: dict[object, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        alike[question.query.list_arguments, question.query.selection.attributes].append(place)
    answers: list[Answer] = [None] * len(questions)
    for places in alike.values():
        for place, answer in zip(
            places, _answers_alike([questions[each] for each in places]), strict=True
        ):
            answers[place] = answer
    return answers


def _answers_alike(questions: Sequence[_Question]) -> Sequence[Answer]:
    query = questions[0].query
    asked = query.list_arguments
    assert asked is not None
    try:
        pages = selectors.newest_pages(
            user_ids=[question.user_id for question in questions],
            limit=asked.limit,
            read=asked.filter.read,
            fields=query.selection.attributes,
        )
    except InvalidInput as error:
        return [error] * len(questions)
    return [
        question.query.rendered(None, page) for question, page in zip(questions, pages, strict=True)
    ]


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
