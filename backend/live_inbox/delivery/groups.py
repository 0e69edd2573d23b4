"""Group membership: the hub's channel is a member of the groups of its open inboxes, as far as the layer answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any

from live_inbox import metrics
from live_inbox.delivery.channel_layer import GroupLayer, bulk_group, extension, inbox_group
from live_inbox.faults import Fault

AT_ONCE = 500
"""Groups that are joined at a time, within one time limit."""
_REJOINS = 4
"""How often a membership is renewed before it would end."""


class Groups:
    """Joins and leaves the groups of inboxes, in a task of its own.

    Apart from the reader of the log, so that a layer that hangs delays doorbells only. Group names contain the id of
    the database, so nothing is joined before `deployment` has returned it; it is called again while it fails.

    An inbox that was joined is reported to `on_joined`: doorbells rung there before did not arrive here, so the inbox
    has to be compared with the log again.
    """

    def __init__(
        self,
        layer: GroupLayer,
        channel: str,
        *,
        deployment: Callable[[], Awaitable[str]],
        on_joined: Callable[[set[str]], None],
        limit_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._layer = layer
        self._channel = channel
        self._read_deployment = deployment
        self._deployment: str | None = None
        self._on_joined = on_joined
        self._limit_seconds = limit_seconds
        self._sleep = sleep
        self._has_bulk = False
        self._members: set[str] = set()
        self._joining: set[str] = set()
        self._leaving: set[str] = set()
        self._work = asyncio.Event()
        self._fault = Fault("channel layer (groups)", metrics.LAYER_FAULTS)
        self._deployment_fault = Fault("reading of the deployment id", metrics.LOG_FAULTS)
        expiry = extension(layer, "group_expiry")
        self.renew_seconds: float = expiry / _REJOINS if expiry else math.inf
        """Seconds after which `renew` is to be called again; infinite if memberships do not end."""

    @property
    def deployment(self) -> str | None:
        """The id of the database; None until it has been read."""
        return self._deployment

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._fault.is_on

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

    def renew(self) -> None:
        """Join every group again, soon: some layers end a membership some time after it was asked for."""
        self._has_bulk = False
        self._joining |= self._members - self._leaving
        self._work.set()

    async def keep(self) -> None:
        """Join and leave as asked until cancelled, and try again what the layer did not do."""
        deployment = await self._learn_deployment()
        self._work.set()
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._leave_all(deployment)
                await self._join_all(deployment)
            except Exception as error:
                self._fault.report(error)
                await self._sleep(self._limit_seconds)
                self._work.set()
            else:
                self._fault.recovered()

    async def _learn_deployment(self) -> str:
        while self._deployment is None:
            try:
                self._deployment = await self._read_deployment()
            except Exception as error:
                self._deployment_fault.report(error)
                await self._sleep(self._limit_seconds)
        self._deployment_fault.recovered()
        return self._deployment

    async def _leave_all(self, deployment: str) -> None:
        while self._leaving:
            chunk = list(islice(self._leaving, AT_ONCE))
            await self._all_of(self._leave(deployment, inbox) for inbox in chunk)

    async def _leave(self, deployment: str, inbox: str) -> None:
        await self._layer.group_discard(inbox_group(deployment, inbox), self._channel)
        # Only now: had it failed, it would have to be tried again.
        self._leaving.discard(inbox)
        self._members.discard(inbox)

    async def _join_all(self, deployment: str) -> None:
        if not self._has_bulk:
            await self._all_of([self._layer.group_add(bulk_group(deployment), self._channel)])
            self._has_bulk = True
        joined: set[str] = set()
        try:
            while self._joining:
                chunk = list(islice(self._joining, AT_ONCE))
                # Before, because a join that seems to fail may have been done.
                self._members.update(chunk)
                await self._join_chunk(deployment, chunk, joined)
        finally:
            if joined:
                self._on_joined(joined)

    async def _join_chunk(self, deployment: str, inboxes: list[str], joined: set[str]) -> None:
        add_many = extension(self._layer, "group_add_many")
        if add_many is None:
            await self._all_of(self._join(deployment, inbox, joined) for inbox in inboxes)
            return
        groups = [inbox_group(deployment, inbox) for inbox in inboxes]
        async with asyncio.timeout(self._limit_seconds):
            await add_many(groups, self._channel)
        self._joining.difference_update(inboxes)
        joined.update(inboxes)

    async def _join(self, deployment: str, inbox: str, joined: set[str]) -> None:
        await self._layer.group_add(inbox_group(deployment, inbox), self._channel)
        self._joining.discard(inbox)
        joined.add(inbox)

    async def close(self) -> None:
        """Leave all groups, if the layer does that in time. `keep` must have ended."""
        if self._deployment is None:
            return
        groups = [bulk_group(self._deployment)]
        groups += [inbox_group(self._deployment, inbox) for inbox in self._members]
        try:
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
