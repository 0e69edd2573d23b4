"""The channel listener: receives the doorbells of other processes from the channel layer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from live_inbox import metrics
from live_inbox.delivery.channel_layer import ReceivingLayer, extension
from live_inbox.delivery.doorbell import EventBatch
from live_inbox.delivery.doorbell_message import (
    DoorbellCodec,
    DoorbellMessage,
    Refusal,
    RefusedMessage,
)
from live_inbox.delivery.replay_guard import ReplayGuard
from live_inbox.faults import Fault, RecurringFault

logger = logging.getLogger(__name__)

_Receive = Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]]


class ChannelListener:
    """Receives from one channel for as long as the hub runs.

    `on_batch` gets the events of doorbells. `on_lost` is called when the layer begins to fail, and each time that it
    fails again before a message has arrived; `on_missed` when it works again: doorbells may have been lost meanwhile.

    Anybody who can publish on the layer can send anything. What is no doorbell of this deployment changes nothing: it
    is counted, and logged once a minute at most. Nor does a change of an account that is announced again, whereas
    events may come any number of times. `deployment` returns the id of the database, or None while it is not known.
    """

    def __init__(
        self,
        layer: ReceivingLayer,
        channel: str,
        *,
        codec: DoorbellCodec,
        deployment: Callable[[], str | None],
        own_doorbell: str,
        on_batch: Callable[[EventBatch], None],
        on_lost: Callable[[], None],
        on_missed: Callable[[], None],
        retry_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._receive = self._receive_of(layer)
        self._channel = channel
        self._codec = codec
        self._deployment = deployment
        self._own_doorbell = own_doorbell
        self._on_batch = on_batch
        self._on_lost = on_lost
        self._on_missed = on_missed
        self._retry_seconds = retry_seconds
        self._sleep = sleep
        self._clock = clock
        self._replay_guard = ReplayGuard(clock=wall_clock)
        self._fault = Fault("channel layer (receiving)", metrics.LAYER_FAULTS)
        self._refusals = {
            refusal: RecurringFault(
                f"check of doorbells ({refusal.value})",
                metrics.DOORBELLS_REFUSED.labels(refusal.value),
                clock=clock,
            )
            for refusal in Refusal
        }

    def _receive_of(self, layer: ReceivingLayer) -> _Receive:
        """Return what waits for messages: by far the most arrive by a direct call where the layer has that."""
        receive_into = extension(layer, "receive_into")
        if receive_into is not None:
            return partial(receive_into, on_messages=self._process)

        async def receive(channel: str) -> Sequence[Mapping[str, Any]]:
            return [await layer.receive(channel)]

        return receive

    async def run(self) -> None:
        """Receive until cancelled."""
        while True:
            began = self._clock()
            try:
                messages = await self._receive(self._channel)
            except Exception as error:
                if not self._is_idle_timeout(error, self._clock() - began):
                    await self._fail(error)
            else:
                if self._fault.is_on:
                    self._fault.recovered()
                    self._on_missed()
                self._process(messages)

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._fault.is_on

    def _is_idle_timeout(self, error: Exception, waited: float) -> bool:
        """Whether a wait has ended because nothing was sent.

        channels-redis' core layer waits 5 s for Redis, and redis-py 8 gives up after 5 s without an answer. Its
        exception is not Python's TimeoutError, but has the same name.
        """
        return _is_timeout(error) and waited >= self._retry_seconds and not self._fault.is_on

    async def _fail(self, error: Exception) -> None:
        # The first retry comes at once: a layer raises once when it has lost its connection, then waits for the next.
        is_again = self._fault.is_on
        self._fault.report(error)
        # Also when an earlier failure has not been followed by a message yet: groups may have been joined again
        # since, and lost again.
        if not is_again or not _is_timeout(error):
            self._on_lost()
        if is_again:
            await self._sleep(self._retry_seconds)

    def _process(self, messages: Iterable[Mapping[str, Any]]) -> None:
        try:
            if event_batch := self._merge(messages):
                self._on_batch(event_batch)
        except Exception:
            logger.exception("A message of the channel layer could not be read.")
            self._on_missed()

    def _merge(self, messages: Iterable[Mapping[str, Any]]) -> EventBatch:
        """Return the events of all doorbells by inbox, in order, but for those that this process has published."""
        merged: dict[str, Sequence[bytes]] = {}
        deployment = self._deployment()
        for message in messages:
            if isinstance(message, dict) and message.get("from") == self._own_doorbell:
                continue
            try:
                inboxes = self._authenticated(message, deployment).inboxes
            except RefusedMessage as refused:
                self._refusals[refused.refusal].report(refused)
                continue
            for inbox, entries in inboxes.items():
                earlier = merged.get(inbox)
                merged[inbox] = entries if earlier is None else [*earlier, *entries]
        return merged

    def _authenticated(self, message: Mapping[str, Any], deployment: str | None) -> DoorbellMessage:
        opened = self._codec.decode(message, deployment=deployment)
        if opened.has_account_changes:
            if self._replay_guard.is_stale(opened.sent_at):
                raise RefusedMessage(
                    Refusal.STALE, "its time is far from this server's: compare the clocks"
                )
            if not self._replay_guard.is_first(message["mac"], opened.sent_at):
                raise RefusedMessage(Refusal.REPLAYED, "it was received before")
        return opened


def _is_timeout(error: Exception) -> bool:
    return any(base.__name__ == "TimeoutError" for base in type(error).__mro__)
