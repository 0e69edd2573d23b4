"""One run: faults after a schedule, then the proof."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.checker import Violation, check
from tests.chaos.faults import FAULTS, ActiveFault
from tests.chaos.history import ADDED, COMMITTED, Claim, Inbox, Opened, Received
from tests.chaos.measuring import Measured, Replays, Window, measure, replays
from tests.chaos.schedule import Planned, steps
from tests.chaos.seeding import FIRST_NOTIFICATIONS, TITLE
from tests.chaos.system import Histories, SystemUnderTest

MOST_VIOLATIONS = 50
AFTERMATH_SECONDS = 3.0
"""How long after the end of a fault events still count as concerned by it."""
ReportProgress = Callable[[str], None]


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
    """Injects faults into the system, and then compares what all clients received."""

    def __init__(
        self, system: SystemUnderTest, profile: str, report_progress: ReportProgress
    ) -> None:
        self._system = system
        self._report_progress = report_progress
        self._windows: list[Window] = []
        self.outcome = Outcome(profile)

    def begin(self, *, writers: bool = True) -> None:
        """Wait for the clients, and let the writers write."""
        self._settle("before anything happened")
        self.outcome.memory = (sum(self._system.memory().values()), 0)
        if writers:
            self._system.start_writers()

    def each(self, planned: Sequence[Planned]) -> None:
        """Inject one fault after the other; wait after each until every client has caught up."""
        for plan in planned:
            fault = FAULTS[plan.fault]
            if fault.target == "server":
                self._spread()
            began = time.monotonic()
            active = self._begin(plan)
            seconds = 0.0 if fault.is_instant else max(plan.seconds, fault.least_seconds)
            time.sleep(max(0.0, seconds - (time.monotonic() - began)))
            _end(active)
            ended, heads = time.monotonic(), self._system.database.heads()
            self._settle(plan.fault)
            settled = time.monotonic()
            time.sleep(max(0.0, ended + AFTERMATH_SECONDS - settled))
            self._windows.append(Window(plan.fault, began, ended, time.monotonic(), heads))
            self._report_progress(
                f"  {plan.fault}: {ended - began:.1f} s, settled {settled - ended:.1f} s later"
            )

    def _spread(self) -> None:
        """Spread the clients over all servers: one that was down has none."""
        self._system.client_pool.request("drop", away=0.2)
        time.sleep(1)
        self._settle("when the clients were spread")

    def mixed(self, planned: Sequence[Planned]) -> None:
        """Inject faults that overlap, by their schedule, which waits while something begins or ends."""
        clock = time.monotonic()
        active: dict[Planned, ActiveFault] = {}
        try:
            for step in steps(planned):
                time.sleep(max(0.0, clock + step.at - time.monotonic()))
                due = time.monotonic()
                if step.begins:
                    active[step.planned] = self._begin(step.planned)
                else:
                    _end(active.pop(step.planned))
                took = time.monotonic() - due
                clock += took
                state = "begun" if step.begins else "ended"
                self._report_progress(
                    f"  {step.at:6.1f} s  {step.planned.fault} has {state}, in {took:.1f} s"
                )
        finally:
            for each in active.values():
                _end(each)

    def _begin(self, plan: Planned) -> ActiveFault:
        active = FAULTS[plan.fault].inject(self._system, random.Random(plan.choice))
        next(active)
        return active

    def _settle(self, when: str) -> None:
        behind = self._system.wait_until_caught_up(self._system.database.heads())
        if behind:
            some = "; ".join(behind[:5])
            failure = f"{when}: {len(behind)} clients did not catch up: {some}"
            self.outcome.failures.append(failure)
            self._report_progress(f"  {failure}")

    # -- the proof ----------------------------------------------------------------------------------------

    def prove(self) -> Outcome:
        """Stop the writers, wait until all clients have caught up, and compare."""
        system, outcome = self._system, self.outcome
        system.stop_writers()
        self._settle("at the end")
        inboxes = system.archive.inboxes()
        different = system.wait_until_lists_match(
            {user: inbox.digest for user, inbox in inboxes.items()}
        )
        if different:
            outcome.failures.append(f"other lists than the database: {', '.join(different[:5])}")
        histories = system.histories()
        claims = system.claims() + _seeded(inboxes)
        found = check(inboxes, claims, histories.followers, histories.originals)
        outcome.violations = found[:MOST_VIOLATIONS]
        outcome.measured = [measure(w, histories.followers, inboxes) for w in self._windows]
        outcome.replays = replays(histories.followers, inboxes)
        outcome.tracebacks = system.tracebacks()
        outcome.memory = (outcome.memory[0], sum(system.memory().values()))
        outcome.notes = system.notes
        self._count(inboxes, histories)
        self._check_inboxes()
        return outcome

    def _count(self, inboxes: Mapping[int, Inbox], histories: Histories) -> None:
        epoch_logs = [epoch_log for inbox in inboxes.values() for epoch_log in inbox.epoch_logs]
        self.outcome.events = sum(len(epoch_log.events) for epoch_log in epoch_logs)
        received = sum(isinstance(i, Received) for each in histories.followers for i in each.items)
        segments = [each for one in histories.originals for each in one.segments]
        self.outcome.deliveries = received + sum(len(each.messages) for each in segments)
        opened = sum(isinstance(i, Opened) for each in histories.followers for i in each.items)
        self.outcome.connections = opened + len(segments)

    def _check_inboxes(self) -> None:
        try:
            self._system.python("manage.py", "check_inboxes")
        except RuntimeError as error:
            self.outcome.failures.append(str(error))


def _end(active: ActiveFault) -> None:
    if next(active, None) is not None:
        raise RuntimeError("A fault has to yield exactly once.")


def _seeded(inboxes: Mapping[int, Inbox]) -> list[Claim]:
    titles = [f"{TITLE} {number}" for number in range(FIRST_NOTIFICATIONS)]
    return [Claim("seeding", user, ADDED, COMMITTED, title=t) for user in inboxes for t in titles]
