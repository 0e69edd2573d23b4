"""Bugs that are planted on purpose, to show that the simulation finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import msgspec

from live_inbox.delivery.batch import Batch
from live_inbox.delivery.channel_listener import ChannelListener
from live_inbox.delivery.groups import Groups
from live_inbox.delivery.hub import Hub
from live_inbox.delivery.live_stream import LiveStream, Verdict
from live_inbox.delivery.log import Head, ResetReason
from live_inbox.delivery.log_reader import LogReader
from live_inbox.delivery.open_inbox import OpenInbox
from live_inbox.delivery.position import Position
from live_inbox.delivery.subscription import Subscription
from live_inbox.feed import Following
from tests.simulation.server import Process


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, and the profile that finds it."""

    plant: Callable[[], AbstractContextManager[Any]]
    profile: str = "restored"

    @property
    def name(self) -> str:
        """What is wrong."""
        return self.plant.__name__


def stream_ignores_epochs() -> AbstractContextManager[Any]:
    """The live stream takes an entry of any epoch for one of its own."""
    offer = LiveStream.offer

    def wrong(self: LiveStream[Any], entry: Any) -> Verdict:
        if self.is_anchored and self._epoch:
            entry = msgspec.structs.replace(entry, epoch=self._epoch)
        return offer(self, entry)

    return patch.object(LiveStream, "offer", wrong)


@contextmanager
def epochs_are_never_compared() -> Iterator[None]:
    """A head of another epoch is no reason to start again, neither for streams nor for positions."""

    def loss(self: Head, after: Position) -> ResetReason | None:
        if after.sequence > self.position.sequence:
            return ResetReason.AHEAD
        return ResetReason.EXPIRED if after.sequence < self.first_sequence - 1 else None

    def went_back(known: Position, head: Head) -> bool:
        return known.sequence > head.position.sequence

    with (
        patch.object(Head, "loss", loss),
        patch("live_inbox.delivery.log_reader._went_back", went_back),
    ):
        yield


def covers_one_too_many() -> AbstractContextManager[Any]:
    """The stream claims to have what follows a position that is one event before its run."""

    def covers(self: LiveStream[Any], position: Position) -> bool:
        if not self.is_anchored or (not position.is_origin and position.epoch != self._epoch):
            return False
        return self._first - 2 <= position.sequence <= self.head.sequence

    def since(self: LiveStream[Any], sequence: int) -> Any:
        return real(self, max(sequence, self._first - 1))

    real = LiveStream.since
    return _both(
        patch.object(LiveStream, "covers", covers), patch.object(LiveStream, "since", since)
    )


def stream_takes_a_jump() -> AbstractContextManager[Any]:
    """An entry is appended although the one before it is missing."""
    offer = LiveStream.offer

    def wrong(self: LiveStream[Any], entry: Any) -> Verdict:
        verdict = offer(self, entry)
        if verdict is Verdict.GAP and entry.epoch == self._epoch:
            self._run.append(entry)
            return Verdict.APPENDED
        return verdict

    return patch.object(LiveStream, "offer", wrong)


def batches_stay_cached() -> AbstractContextManager[Any]:
    """Cached batches are not dropped when the run changes."""

    class Kept(dict[int, Batch[Any]]):
        def clear(self) -> None:
            pass

    real = LiveStream.__init__

    def init(self: LiveStream[Any], **arguments: int) -> None:
        real(self, **arguments)
        self._batches = Kept()

    return patch.object(LiveStream, "__init__", init)


def no_comparison_after_redis() -> AbstractContextManager[Any]:
    """Nothing is compared when the channel layer works again, nor when groups have been joined."""
    listener, groups = ChannelListener.__init__, Groups.__init__

    def init_listener(self: ChannelListener, *arguments: Any, **named: Any) -> None:
        listener(self, *arguments, **named | {"on_missed": lambda: None})

    def init_groups(self: Groups, *arguments: Any, **named: Any) -> None:
        groups(self, *arguments, **named | {"on_joined": lambda joined: None})

    return _both(
        patch.object(ChannelListener, "__init__", init_listener),
        patch.object(Groups, "__init__", init_groups),
    )


def foreign_entries_are_dropped() -> AbstractContextManager[Any]:
    """An entry of another epoch is ignored; nothing is compared because of it."""
    offer = LiveStream.offer

    def wrong(self: LiveStream[Any], entry: Any) -> Verdict:
        verdict = offer(self, entry)
        return Verdict.KNOWN if verdict is Verdict.FOREIGN else verdict

    return patch.object(LiveStream, "offer", wrong)


def gaps_are_left() -> AbstractContextManager[Any]:
    """A jump of sequences is not filled from the log before the next reconciliation."""
    offer = LiveStream.offer

    def wrong(self: LiveStream[Any], entry: Any) -> Verdict:
        verdict = offer(self, entry)
        return Verdict.KNOWN if verdict in (Verdict.GAP, Verdict.FIRST) else verdict

    return patch.object(LiveStream, "offer", wrong)


def no_reconciliation() -> AbstractContextManager[Any]:
    """Open inboxes are never compared with the database."""
    return patch.object(Hub, "_reconcile_all", lambda self: None)


def no_doorbell() -> AbstractContextManager[Any]:
    """Nothing is published, and the process's own hub is not called."""
    return patch.object(Process, "ring", lambda self, events: None)


def no_groups_are_joined_again() -> AbstractContextManager[Any]:
    """Groups are not joined again when the layer has lost them."""
    return patch.object(Groups, "renew", lambda self: None)


def failed_joins_are_forgotten() -> AbstractContextManager[Any]:
    """A group that could not be joined is not tried again."""
    join = Groups._join_all

    async def wrong(self: Groups, deployment: str) -> None:
        try:
            await join(self, deployment)
        except Exception:
            self._joining.clear()

    return patch.object(Groups, "_join_all", wrong)


def failed_reads_are_forgotten() -> AbstractContextManager[Any]:
    """A comparison that failed is not repeated, and neither are reads."""
    serve = LogReader._serve

    async def wrong(self: LogReader[Any], opening: Any, to_reconcile: Any, reads: Any) -> None:
        try:
            await serve(self, opening, to_reconcile, reads)
        except Exception:
            self._to_reconcile.clear()

    return patch.object(LogReader, "_serve", wrong)


def restart_keeps_the_generation() -> AbstractContextManager[Any]:
    """Subscribers do not notice that the stream has begun anew elsewhere."""
    anchor = LiveStream.anchor

    def wrong(self: LiveStream[Any], position: Position) -> bool:
        was_anchored = self.is_anchored
        result = anchor(self, position)
        if was_anchored:
            self.generation -= 1
        return result

    return patch.object(LiveStream, "anchor", wrong)


def backpressure_skips() -> AbstractContextManager[Any]:
    """What comes while a client does not read is not delivered to it later."""

    async def wrong(self: Following, room: Any) -> None:
        try:
            if room is not None:
                await room
            while (batch := self._subscription.ready()) is not None and batch.items:
                pass
            if batch is None:
                await self._deliver_all(await self._feed.fetch())
        except Exception as error:
            self._fail(error)
        finally:
            self._catching_up = None

    return patch.object(Following, "_catch_up", wrong)


def delivered_twice() -> AbstractContextManager[Any]:
    """After a page of the log, the subscription does not move on."""
    fetch = Subscription.fetch

    async def wrong(self: Subscription[Any]) -> Any:
        position = self.position
        page = await fetch(self)
        self.position = (
            position if len(page) == 1 and self.position.sequence % 5 == 0 else self.position
        )
        return page

    return patch.object(Subscription, "fetch", wrong)


def from_now_on_is_stale() -> AbstractContextManager[Any]:
    """A subscription from now on begins where the stream is, which may lag behind the log."""

    async def wrong(self: Hub[Any], inbox: str, open_inbox: OpenInbox[Any]) -> None:
        return None

    return patch.object(Hub, "_catch_up_with_log", wrong)


def resets_too_often() -> AbstractContextManager[Any]:
    """A position at the very beginning of what is retained counts as expired."""
    loss = Head.loss

    def wrong(self: Head, after: Position) -> ResetReason | None:
        if 0 < after.sequence == self.first_sequence - 1:
            return ResetReason.EXPIRED
        return loss(self, after)

    return patch.object(Head, "loss", wrong)


@contextmanager
def _both(*managers: AbstractContextManager[Any]) -> Iterator[None]:
    first, second = managers
    with first, second:
        yield


BUGS: Sequence[Bug] = (
    Bug(stream_ignores_epochs),
    Bug(epochs_are_never_compared),
    Bug(covers_one_too_many),
    Bug(stream_takes_a_jump),
    Bug(batches_stay_cached),
    Bug(no_comparison_after_redis),
    Bug(foreign_entries_are_dropped),
    Bug(gaps_are_left),
    Bug(no_reconciliation),
    Bug(no_doorbell),
    Bug(no_groups_are_joined_again),
    Bug(failed_joins_are_forgotten),
    Bug(failed_reads_are_forgotten),
    Bug(restart_keeps_the_generation),
    Bug(backpressure_skips),
    Bug(delivered_twice),
    Bug(from_now_on_is_stale),
    Bug(resets_too_often),
)
