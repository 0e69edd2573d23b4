"""How long things took, read from the histories. Pure; times are seconds of the monotonic clock."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.history import (
    ADDED,
    Advanced,
    Claim,
    Closed,
    Follower,
    Inbox,
    Opened,
    Place,
    Received,
    Reset,
)

WRONG_CLOCKS = (0.0, 3600.0, -3600.0)
"""By how much the writers' clocks can have been wrong: moments of commits come from there."""


@dataclass(frozen=True)
class Window:
    """One fault as it happened, and its aftermath; `heads` is how far each inbox had come when it ended."""

    fault: str
    began: float
    ended: float
    after: float
    heads: Mapping[int, Place]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one fault meant for the clients that hold positions.

    `delays` are from the commit to the client, of events committed during the fault and its aftermath. `commit` is
    how long after the end of the fault the first commit came.
    """

    fault: str
    lasted: float
    cut_off: int
    clients: int
    caught_up_median: float
    caught_up_longest: float
    delay_median: float
    delay_longest: float
    commit: float
    resets: Mapping[str, int]


def measure(
    window: Window, followers: Sequence[Follower], inboxes: Mapping[int, Inbox]
) -> Measured:
    """Return what a fault meant."""
    caught_up = [caught_up_at(each, window.heads[each.inbox], window.ended) for each in followers]
    waits = [max(0.0, moment - window.ended) for moment in caught_up if moment is not None] or [0.0]
    delays = [
        delay for each in followers for delay in _delays(each, inboxes[each.inbox], window)
    ] or [0.0]
    meanwhile = [
        [item for item in each.items if window.began <= item.at <= window.after]
        for each in followers
    ]
    reasons = [item.reason for items in meanwhile for item in items if isinstance(item, Reset)]
    return Measured(
        fault=window.fault,
        lasted=window.ended - window.began,
        cut_off=sum(any(isinstance(item, Closed) for item in items) for items in meanwhile),
        clients=len(followers),
        caught_up_median=statistics.median(waits),
        caught_up_longest=max(waits),
        delay_median=statistics.median(delays),
        delay_longest=max(delays),
        commit=_first_commit(window, inboxes.values()),
        resets={reason: reasons.count(reason) for reason in sorted(set(reasons))},
    )


def _first_commit(window: Window, inboxes: Iterable[Inbox]) -> float:
    moments = (m for inbox in inboxes for epoch_log in inbox.epoch_logs for m in epoch_log.moments)
    later = [moment - window.ended for moment in moments if window.ended <= moment <= window.after]
    return min(later, default=window.after - window.ended)


def caught_up_at(follower: Follower, head: Place, since: float) -> float | None:
    """Return from when on, at or after `since`, a client followed and had come as far as a place; None if never."""
    following, has_reached = False, False
    for item in follower.items:
        if item.at > since and following and has_reached:
            return since
        match item:
            case Opened():
                following = True
                has_reached = has_reached or _reaches(item.after, head)
            case Closed():
                following = False
            case Received() | Advanced() | Reset():
                has_reached = has_reached or _reaches(item.place, head)
        if item.at > since and following and has_reached:
            return item.at
    return since if following and has_reached else None


def _reaches(place: Place, head: Place) -> bool:
    return place.epoch == head.epoch and place.sequence >= head.sequence


def _delays(follower: Follower, inbox: Inbox, window: Window) -> Iterable[float]:
    return (delay for _, delay in _delayed(follower, inbox, window))


def _delayed(follower: Follower, inbox: Inbox, window: Window) -> Iterable[tuple[Received, float]]:
    for item in follower.items:
        if isinstance(item, Received) and item.at >= window.began:
            epoch_log = inbox.epoch_log(item.place.epoch)
            if epoch_log is not None and item.place.sequence <= len(epoch_log.moments):
                moment = _true(epoch_log.moments[item.place.sequence - 1], item.at)
                if window.began <= moment <= window.after:
                    yield item, item.at - moment


def delays_by_path(
    window: Window,
    followers: Sequence[Follower],
    inboxes: Mapping[int, Inbox],
    claims: Iterable[Claim],
) -> dict[str, list[float]]:
    """Return the delays of what was added in a window, by the path of the writer that sent it."""
    paths = {claim.title: claim.path for claim in claims if claim.what == ADDED}
    found: dict[str, list[float]] = {}
    for follower in followers:
        for item, delay in _delayed(follower, inboxes[follower.inbox], window):
            path = paths.get(item.content.title) if item.content.what == ADDED else None
            if path:
                found.setdefault(path, []).append(delay)
    return found


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that so much of them did not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def _true(moment: float, seen: float) -> float:
    """Return a moment by the true clock: the wrong ones are off by far more than anything takes."""
    return min((moment + wrong for wrong in WRONG_CLOCKS), key=lambda each: abs(each - seen))


@dataclass(frozen=True, slots=True)
class Replays:
    """How well clients that were cut off got what they had missed; latencies from the reconnect on, in seconds."""

    due: int
    delivered: int
    reconnects: int
    latencies: Sequence[float]

    @property
    def percent(self) -> float:
        """The share of the events that were delivered. 100.0 only if it was all of them."""
        return 100.0 if self.due == self.delivered else min(99.999, 100 * self.delivered / self.due)

    def percentile(self, part: float) -> float:
        """Return the latency that so much of the reconnects did not exceed."""
        return percentile(self.latencies, part)


def replays(followers: Sequence[Follower], inboxes: Mapping[int, Inbox]) -> Replays:
    """Measure every reconnect, and count the events due to each client since it first subscribed.

    Clients that are limited by types are left out.
    """
    due = delivered = reconnects = 0
    latencies: list[float] = []
    for follower in followers:
        if follower.types is not None:
            continue
        epoch_log = inboxes[follower.inbox].last
        opened = [
            i for i in follower.items if isinstance(i, Opened) and i.after.epoch == epoch_log.epoch
        ]
        received = {i.place.sequence: i.at for i in follower.items if isinstance(i, Received)}
        if opened:
            due += len(epoch_log.events) - opened[0].after.sequence
            delivered += len(received)
        for again in opened[1:]:
            reconnects += 1
            missed = _missed(again, epoch_log.moments)
            if missed and missed in received:
                latencies.append(received[missed] - again.since)
    return Replays(due, delivered, reconnects, latencies)


def _missed(opened: Opened, moments: Sequence[float]) -> int:
    """Return the last event that was committed while the client was away; 0 if there was none."""
    sequence = opened.after.sequence
    while sequence < len(moments) and moments[sequence] < opened.since:
        sequence += 1
    return sequence if sequence > opened.after.sequence else 0
