"""The groups: the hub's channel is a member of those of its open inboxes, as far as the layer answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any, Protocol

from live_inbox import metrics
from live_inbox.delivery.doorbell import BULK_GROUP, group_of
from live_inbox.faults import Fault

AT_ONCE = 500
"""Groups that are joined at a time: a layer that can make one message of them."""


class GroupLayer(Protocol):
    """The part of the Channels layer interface that membership needs."""

    # As coroutines, so that many can be under way at a time.
    def group_add(self, group: str, channel: str) -> Coroutine[Any, Any, None]: ...
    def group_discard(self, group: str, channel: str) -> Coroutine[Any, Any, None]: ...


class Groups:
    """Joins and leaves the groups of inboxes, in a task of its own.

    Apart from the reader of the log, so that a layer that hangs delays doorbells only. An inbox that was joined
    is reported to `on_joined`: what was rung there before is not known here, so the log has to be compared again.
    """

    def __init__(
        self,
        layer: GroupLayer,
        channel: str,
        *,
        on_joined: Callable[[set[str]], None],
        limit_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._layer = layer
        self._channel = channel
        self._on_joined = on_joined
        self._limit_seconds = limit_seconds
        self._sleep = sleep
        self._has_bulk = False
        self._members: set[str] = set()
        self._joining: set[str] = set()
        self._leaving: set[str] = set()
        self._work = asyncio.Event()
        self._fault = Fault("channel layer (groups)", metrics.LAYER_FAULTS)

    def join(self, inbox: str) -> None:
        """Become a member of an inbox's group, soon."""
        self._leaving.discard(inbox)
        self._joining.add(inbox)
        self._work.set()

    def leave(self, inbox: str) -> None:
        """Stop being a member of an inbox's group, soon."""
        self._joining.discard(inbox)
        self._leaving.add(inbox)
        self._work.set()

    async def keep(self) -> None:
        """Do what was asked for until cancelled, and try again what the layer did not do."""
        self._work.set()
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._leave_all()
                await self._join_all()
            except Exception as error:
                self._fault.report(error)
                await self._sleep(self._limit_seconds)
                self._work.set()
            else:
                self._fault.recovered()

    async def _leave_all(self) -> None:
        while self._leaving:
            await self._all_of(map(self._leave, islice(self._leaving, AT_ONCE)))

    async def _leave(self, inbox: str) -> None:
        await self._layer.group_discard(group_of(inbox), self._channel)
        # Only now: had it failed, it would have to be tried again.
        self._leaving.discard(inbox)
        self._members.discard(inbox)

    async def _join_all(self) -> None:
        if not self._has_bulk:
            await self._all_of([self._layer.group_add(BULK_GROUP, self._channel)])
            self._has_bulk = True
        joined: set[str] = set()
        try:
            while self._joining:
                chunk = list(islice(self._joining, AT_ONCE))
                # Before, because a join that seems to fail may have been done.
                self._members.update(chunk)
                await self._all_of(self._join(inbox, joined) for inbox in chunk)
        finally:
            if joined:
                self._on_joined(joined)

    async def _join(self, inbox: str, joined: set[str]) -> None:
        await self._layer.group_add(group_of(inbox), self._channel)
        self._joining.discard(inbox)
        joined.add(inbox)

    async def close(self) -> None:
        """Leave all groups, if the layer does that in time. `keep` must have ended."""
        try:
            groups = [BULK_GROUP, *map(group_of, self._members)]
            await self._all_of(self._layer.group_discard(group, self._channel) for group in groups)
        except Exception as error:
            self._fault.report(error)

    async def _all_of(self, calls: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Have the layer do several things at a time, within the limit. Raises the first failure, at the end."""
        async with asyncio.timeout(self._limit_seconds):
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
