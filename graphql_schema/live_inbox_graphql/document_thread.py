"""Examines long documents in a thread, so that the event loop goes on meanwhile.

A document of 2,000 tokens, the most that may be, takes five milliseconds to parse and as much again to check. One
thread does that for all callers, one document at a time. A caller's allowance has been taken before.

The thread pauses as often as it computes. The interpreter lets one thread compute at a time, and each change of threads
by force takes half a millisecond (`live_inbox_site.process_tuning`): for a list, which a thread of the database reads,
a thread that never pauses means ten of them.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

from graphql import GraphQLSchema

from live_inbox_graphql.document_examination import Examination, examine

MOST_INLINE = 1024
"""Characters of a document that is examined on the event loop: that takes no longer than to a thread and back."""

PAUSE_SECONDS = 0.0002


class DocumentThread:
    """The examinations for one schema. Callers with the same text share one."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._under_way: dict[str, Future[Examination]] = {}

    async def examine(self, text: str) -> Examination:
        """Return what is known of a text afterwards."""
        future = self._under_way.get(text)
        if future is None:
            future = self._under_way[text] = _thread().submit(
                examine, self._schema, text, _give_way
            )
            future.add_done_callback(lambda _: self._under_way.pop(text, None))
        # A caller that is cancelled leaves it to the others.
        return await asyncio.shield(asyncio.wrap_future(future))


@lru_cache(maxsize=1)
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "live-inbox-documents")


def _give_way() -> None:
    time.sleep(PAUSE_SECONDS)
