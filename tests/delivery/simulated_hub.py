"""A hub on a simulation: its log, its layer and its clock are ours, and so are its subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from live_inbox.delivery.hub import Hub, HubClosed, HubConfig, PositionLost
from live_inbox.delivery.log import DeliverySource, ResetReason
from live_inbox.delivery.position import Position
from tests.delivery.doorbell_messages import doorbell_message
from tests.delivery.fake_layer import FakeLayer
from tests.delivery.fake_log import FakeEntry, FakeLog, decode, encode
from tests.delivery.group_names import BULK, group_of
from tests.delivery.virtual_loop import VirtualLoop

SMALL = HubConfig(
    run_length=4,
    page_length=10,
    reconcile_seconds=2.0,
    linger_seconds=10.0,
    layer_seconds=1.0,
)
"""A hub that gets to its limits quickly."""


class Follower:
    """A subscriber as the doors are: it takes, remembers, and after a loss goes on from the log's end."""

    def __init__(self, simulation: SimulatedHub, inbox: str, after: Position | None) -> None:
        self._simulation = simulation
        self.inbox = inbox
        self.after = after
        self.began: Position | None = None
        """Where the hub let it begin; None while it waits to be let in."""
        self.came_at: Position | None = None
        """Where the log ended when it came."""
        self.position: Position | None = None
        self.got: list[FakeEntry] = []
        self.losses: list[tuple[Position, ResetReason]] = []
        self.ended = False
        """Whether the hub said that it has closed."""
        self.is_free = asyncio.Event()
        """Not set: it is a slow one, and does not come back for more."""
        self.is_free.set()
        self.task = simulation.loop.create_task(self._follow())

    @property
    def sequences(self) -> list[int]:
        """The numbers of what it got."""
        return [line.sequence for line in self.got]

    @property
    def reasons(self) -> list[ResetReason]:
        """Why it lost its position, each time that it did."""
        return [reason for _, reason in self.losses]

    def leave(self) -> None:
        """Go away, wherever it is just now."""
        self.task.cancel()

    async def _follow(self) -> None:
        self.came_at = self._simulation.log.head(self.inbox).position
        try:
            async with self._simulation.hub.subscribe(self.inbox, self.after) as subscription:
                self.began = self.position = subscription.position
                while True:
                    await self.is_free.wait()
                    try:
                        lines = await subscription.take()
                    except PositionLost as lost:
                        self._lost(subscription.position, lost.reason)
                        head = self._simulation.log.head(self.inbox).position
                        subscription.restart(head)
                        self.position = head
                    else:
                        self._took(lines)
        except HubClosed:
            self.ended = True

    def _took(self, lines: Iterable[FakeEntry]) -> None:
        for line in lines:
            assert self.position is not None
            assert line.inbox == self.inbox
            assert line.sequence == self.position.sequence + 1, "a gap, or a repetition"
            assert self.position.is_origin or line.epoch == self.position.epoch, "another epoch"
            follows, seen = line.previous_fingerprint, self.position.fingerprint
            assert follows == seen or 0 in (follows, seen), "it follows what this one never got"
            self.got.append(line)
            self.position = line.position

    def _lost(self, position: Position, reason: ResetReason) -> None:
        assert position == self.position
        self.losses.append((position, reason))


class SimulatedHub:
    """Puts up a hub and moves its time. What is not said to happen does not happen."""

    def __init__(
        self,
        *,
        config: HubConfig = SMALL,
        has_layer: bool = True,
        on_delivered: Callable[[FakeEntry, DeliverySource], None] = lambda entry, source: None,
        on_round: Callable[[bool], None] = lambda is_reconciliation: None,
    ) -> None:
        self.loop = VirtualLoop()
        self.log = FakeLog()
        self.layer = FakeLayer()
        self.hub: Hub[FakeEntry] = Hub(
            self.log,
            layer=self.layer if has_layer else None,
            decode=decode,
            own_doorbell="own",
            config=config,
            clock=self.loop.time,
            sleep=asyncio.sleep,
            on_delivered=on_delivered,
            on_round=on_round,
        )
        self.followers: list[Follower] = []
        self.loop.result_of(self.hub.start())

    def follow(self, inbox: str, after: Position | None = None) -> Follower:
        """Let a subscriber come."""
        follower = Follower(self, inbox, after)
        self.followers.append(follower)
        self.loop.settle()
        return follower

    def write(self, inbox: str, count: int = 1) -> list[FakeEntry]:
        """Commit events, and ring for each, as it is in a server that is well."""
        lines = self.log.write(inbox, count)
        self.ring(lines)
        self.loop.settle()
        return lines

    def ring(self, lines: Iterable[FakeEntry]) -> None:
        """Give the hub doorbells."""
        for line in lines:
            self.hub.on_message({line.inbox: [encode(line)]})
        self.loop.settle()

    def ring_through_layer(self, lines: Iterable[FakeEntry], *, sender: str = "other") -> bool:
        """Let another process ring; return whether a channel is in the group of each inbox."""
        arrived = [self._carry(group_of(line.inbox), line, sender) for line in lines]
        self.loop.settle()
        return all(arrived)

    def ring_in_bulk(self, lines: Iterable[FakeEntry], *, sender: str = "other") -> bool:
        """Let another process ring in the common group."""
        arrived = [self._carry(BULK, line, sender) for line in lines]
        self.loop.settle()
        return all(arrived)

    def _carry(self, group: str, line: FakeEntry, sender: str) -> bool:
        message = doorbell_message({line.inbox: [encode(line)]}, sender=sender)
        return self.layer.deliver(group, message)

    def reconcile(self) -> None:
        """Let the watch come round."""
        self.loop.advance(self.hub.config.reconcile_seconds)

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        self.loop.settle()

    def stop(self) -> None:
        """Stop the hub, which needs no time while the layer is well."""
        self.loop.result_of(self.hub.stop())

    def close(self) -> None:
        """Take the simulation down; fail if something broke where nobody looked."""
        self.loop.run_off()
        self.check_followers()
        assert self.loop.errors == []

    def check_followers(self) -> None:
        """Fail if a subscriber has failed."""
        for follower in self.followers:
            if follower.task.done() and not follower.task.cancelled():
                follower.task.result()
