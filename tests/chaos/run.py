"""One run: faults after a schedule, then the proof."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.checker import Violation, check
from tests.chaos.faults import FAULTS, Struck
from tests.chaos.history import ADDED, COMMITTED, Claim, Inbox, Opened, Told
from tests.chaos.measuring import Measured, Replays, Window, measure, replays
from tests.chaos.schedule import Planned, steps
from tests.chaos.seeding import FIRST_NOTIFICATIONS, TITLE
from tests.chaos.world import Histories, World

MOST_VIOLATIONS = 50
AFTERMATH_SECONDS = 3.0
"""How long after the end of a fault events still count as concerned by it."""
Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a run has shown."""

    profile: str
    violations: list[Violation] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    replays: Replays | None = None
    events: int = 0
    deliveries: int = 0
    connections: int = 0
    tracebacks: dict[str, int] = field(default_factory=dict)
    memory: tuple[int, int] = (0, 0)
    notes: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong."""
        return not self.violations and not self.failures


class Run:
    """Strikes the world with faults, and then compares what everybody saw."""

    def __init__(self, world: World, profile: str, say: Say) -> None:
        self._world = world
        self._say = say
        self._windows: list[Window] = []
        self.outcome = Outcome(profile)

    def begin(self, *, writers: bool = True) -> None:
        """Wait for the clients, and let the writers write."""
        self._settle("before anything happened")
        self.outcome.memory = (sum(self._world.memory().values()), 0)
        if writers:
            self._world.start_writers()

    def each(self, planned: Sequence[Planned]) -> None:
        """Strike with one fault after the other; wait after each until every client is whole."""
        for plan in planned:
            fault = FAULTS[plan.fault]
            if fault.strikes == "server":
                self._spread()
            began = time.monotonic()
            struck = self._begin(plan)
            seconds = 0.0 if fault.is_instant else max(plan.seconds, fault.least_seconds)
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
            _end(struck)
            ended, heads = time.monotonic(), self._world.database.heads()
            self._settle(plan.fault)
            settled = time.monotonic()
            time.sleep(max(0.0, ended + AFTERMATH_SECONDS - settled))
            self._windows.append(Window(plan.fault, began, ended, time.monotonic(), heads))
            self._say(
                f"  {plan.fault}: {ended - began:.1f} s, settled {settled - ended:.1f} s later"
            )

    def _spread(self) -> None:
        """Spread the clients over all servers: one that was away has none."""
        self._world.crowd.ask("drop", away=0.2)
        time.sleep(1)
        self._settle("when the clients were spread")

    def mixed(self, planned: Sequence[Planned]) -> None:
        """Strike with faults that overlap, after their schedule, which waits while something begins or ends."""
        clock = time.monotonic()
        struck: dict[Planned, Struck] = {}
        try:
            for step in steps(planned):
                time.sleep(max(0.0, clock + step.at - time.monotonic()))
                due = time.monotonic()
                if step.begins:
                    struck[step.planned] = self._begin(step.planned)
                else:
                    _end(struck.pop(step.planned))
                took = time.monotonic() - due
                clock += took
                word = "begun" if step.begins else "ended"
                self._say(f"  {step.at:6.1f} s  {step.planned.fault} has {word}, in {took:.1f} s")
        finally:
            for each in struck.values():
                _end(each)

    def _begin(self, plan: Planned) -> Struck:
        struck = FAULTS[plan.fault].strike(self._world, random.Random(plan.choice))
        next(struck)
        return struck

    def _settle(self, when: str) -> None:
        behind = self._world.wait_whole(self._world.database.heads())
        if behind:
            some = "; ".join(behind[:5])
            failure = f"{when}: {len(behind)} clients did not get whole: {some}"
            self.outcome.failures.append(failure)
            self._say(f"  {failure}")

    # -- the proof ----------------------------------------------------------------------------------------

    def prove(self) -> Outcome:
        """Stop the writers, wait until all clients are whole, and compare."""
        world, outcome = self._world, self.outcome
        world.stop_writers()
        self._settle("at the end")
        inboxes = world.archive.inboxes()
        different = world.wait_same({user: inbox.digest for user, inbox in inboxes.items()})
        if different:
            outcome.failures.append(f"other lists than the database: {', '.join(different[:5])}")
        histories = world.histories()
        claims = world.claims() + _seeded(inboxes)
        found = check(inboxes, claims, histories.followers, histories.originals)
        outcome.violations = found[:MOST_VIOLATIONS]
        outcome.measured = [measure(w, histories.followers, inboxes) for w in self._windows]
        outcome.replays = replays(histories.followers, inboxes)
        outcome.tracebacks = world.tracebacks()
        outcome.memory = (outcome.memory[0], sum(world.memory().values()))
        outcome.notes = world.notes
        self._count(inboxes, histories)
        self._check_inboxes()
        return outcome

    def _count(self, inboxes: Mapping[int, Inbox], histories: Histories) -> None:
        lives = [life for inbox in inboxes.values() for life in inbox.lives]
        self.outcome.events = sum(len(life.events) for life in lives)
        told = sum(isinstance(i, Told) for each in histories.followers for i in each.items)
        stretches = [each for one in histories.originals for each in one.stretches]
        self.outcome.deliveries = told + sum(len(each.messages) for each in stretches)
        opened = sum(isinstance(i, Opened) for each in histories.followers for i in each.items)
        self.outcome.connections = opened + len(stretches)

    def _check_inboxes(self) -> None:
        try:
            self._world.python("manage.py", "check_inboxes")
        except RuntimeError as error:
            self.outcome.failures.append(str(error))


def _end(struck: Struck) -> None:
    if next(struck, None) is not None:
        raise RuntimeError("A fault has to end when it goes on.")


def _seeded(inboxes: Mapping[int, Inbox]) -> list[Claim]:
    titles = [f"{TITLE} {number}" for number in range(FIRST_NOTIFICATIONS)]
    return [Claim("seeding", user, ADDED, COMMITTED, title=t) for user in inboxes for t in titles]
