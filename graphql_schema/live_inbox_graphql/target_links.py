"""The links of targets, read for all notifications of an answer together, whoever asks at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from live_inbox.batching import Batcher, no_pause
from live_inbox.database_threads import in_database_thread, is_for_thread_of_caller
from live_inbox.selectors import Target, has_links, target_links
from live_inbox_graphql.fields import coded_errors

MOST = 100
"""Targets of one reading."""


def link_of(target: Target) -> str | None:
    """Return the link of an object, or None.

    Where there is an event loop, the result is a coroutine, which graphql-core awaits. Raises GraphQLError with the
    code of what the database raises.
    """
    if not has_links(target[0]):
        return None
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with coded_errors():
            return target_links([target]).get(target)
    return cast("str | None", _asked(target))


async def _asked(target: Target) -> str | None:
    with coded_errors():
        if is_for_thread_of_caller():
            return (await in_database_thread(target_links, [target])).get(target)
        return await _batcher.ask(target)


async def _read(targets: Sequence[Target]) -> Sequence[str | None]:
    found = await in_database_thread(target_links, targets)
    return [found.get(target) for target in targets]


_batcher: Batcher[Target, str | None] = Batcher(_read, most=MOST, pause=no_pause)
