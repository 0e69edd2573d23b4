"""One run: faults after a schedule, then the proof."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos import evidence
from tests.chaos.checker import Violation, check
from tests.chaos.comparing import Comparisons
from tests.chaos.endings import Explanation, closings_of, unexplained
from tests.chaos.faults import FAULTS, ActiveFault
from tests.chaos.history import ADDED, COMMITTED, Claim, Inbox, Opened, Received
from tests.chaos.measuring import (
    Measured,
    Replays,
    Window,
    delays_by_path,
    measure,
    percentile,
    replays,
)
from tests.chaos.schedule import Planned, steps
from tests.chaos.seeding import FIRST_NOTIFICATIONS, TITLE
from tests.chaos.system import Histories, SystemUnderTest
from tests.waiting import comes_true

MOST_OF_A_KIND = 10
MOST_ENDINGS = 20
EXPIRED_SECONDS = 60.0
WRITTEN_SECONDS = 60.0
AFTERMATH_SECONDS = 3.0
"""How long after the end of a fault events still count as concerned by it."""
ReportProgress = Callable[[str], None]


QUIET_SECONDS = 5.0
DOORBELL_SECONDS = 0.5
"""What 99 of 100 events take at most when nothing is broken, by each path: a dead doorbell takes RECONCILE_SECONDS."""
RECOVERED_SHARE = 0.3
"""How many events the log may have to deliver, instead of a doorbell, when nothing is broken: on a busy machine, some
doorbells are overtaken."""
WARM_UP_SECONDS = 3.0
MARGIN_SECONDS = 3.0
"""Added to what docs/delivery.md says, for a busy machine."""
CAUGHT_UP_SECONDS = 10.0
"""When every client has what was committed during a fault: servers may have to start, and clients to come back."""


@dataclass
class Outcome:
    """What a run has shown."""

    profile: str
    violations: list[Violation] = field(default_factory=list)
    """Some of each kind; `found` is how many there are."""
    found: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    replays: Replays | None = None
    events: int = 0
    deliveries: int = 0
    connections: int = 0
    tracebacks: dict[str, int] = field(default_factory=dict)
    memory: tuple[int, int] = (0, 0)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    """What was written, compared and broken, by name."""
    recovered_share: float = 0.0
    """The share of events that came from the log instead of by doorbell while nothing was broken."""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong. A traceback is a failure, whatever the clients received."""
        return not self.violations and not self.failures


class Run:
    """Injects faults into the system, and then compares what all clients received."""

    def __init__(
        self,
        system: SystemUnderTest,
        profile: str,
        report_progress: ReportProgress,
        *,
        is_timed: bool = True,
    ) -> None:
        self.is_timed = is_timed
        """Whether delays are held against the bounds: not in tests, which share the machine."""
        self._system = system
        self._report_progress = report_progress
        self._windows: list[Window] = []
        self._quiet: Window | None = None
        self._explanations: list[Explanation] = []
        self._began = time.monotonic()
        self.outcome = Outcome(profile)

    def begin(self, *, writers: bool = True) -> None:
        """Wait for the clients, and let the writers write."""
        self._settle("before anything happened")
        self.outcome.memory = (sum(self._system.memory().values()), 0)
        if writers:
            self._system.start_writers()

    def quiet(self, seconds: float = QUIET_SECONDS) -> None:
        """Let some time pass in which nothing is broken, and see by which way events come."""
        beginning = self._delivered()
        while self._delivered() == beginning:
            time.sleep(0.1)  # the writers are starting
        time.sleep(WARM_UP_SECONDS)
        began, before = time.monotonic(), self._delivered()
        time.sleep(seconds)
        ended, heads = time.monotonic(), self._system.database.heads()
        recovered, by_doorbell = (
            now - then for now, then in zip(self._delivered(), before, strict=True)
        )
        self.outcome.recovered_share = recovered / max(1.0, recovered + by_doorbell)
        self._settle("while nothing was broken")
        self._quiet = Window("nothing", began, ended, ended, heads)
        self._windows.append(self._quiet)

    def _delivered(self) -> tuple[float, float]:
        """Return how many events came to the servers from the log, and how many by doorbell."""
        metric = self._system.metric
        appended = metric('inbox_doorbells_received_total{outcome="appended"}')
        return metric("inbox_events_recovered_total"), appended

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
            self._end(plan, active, began)
            ended, heads = time.monotonic(), self._system.database.heads()
            self._settle(plan.fault)
            settled = time.monotonic()
            if self.is_timed:
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
        active: dict[Planned, tuple[ActiveFault, float]] = {}
        try:
            for step in steps(planned):
                time.sleep(max(0.0, clock + step.at - time.monotonic()))
                due = time.monotonic()
                if step.begins:
                    active[step.planned] = self._begin(step.planned), due
                else:
                    self._end(step.planned, *active.pop(step.planned))
                took = time.monotonic() - due
                clock += took
                state = "begun" if step.begins else "ended"
                self._report_progress(
                    f"  {step.at:6.1f} s  {step.planned.fault} has {state}, in {took:.1f} s"
                )
        finally:
            for planned_fault, each in active.items():
                self._end(planned_fault, *each)

    def _begin(self, plan: Planned) -> ActiveFault:
        active = FAULTS[plan.fault].inject(self._system, random.Random(plan.choice))
        self._system.effects.setdefault(plan.fault, {})
        # Until it has ended, it explains everything from now on.
        self._explanations.append(_explanation(plan, time.monotonic(), float("inf")))
        self._advance(plan, active)
        return active

    def _advance(self, plan: Planned, active: ActiveFault) -> None:
        """Begin a fault, or end it. If that fails, the run goes on, so that it shows what else is wrong."""
        try:
            next(active, None)
        except Exception as error:
            self.outcome.failures.append(f"{plan.fault} broke off: {error!r}")
            self._report_progress(f"  {plan.fault} broke off: {error!r}")

    def _end(self, plan: Planned, active: ActiveFault, began: float) -> None:
        self._advance(plan, active)
        endless = next(
            each
            for each in self._explanations
            if each.fault == plan.fault and each.ended == float("inf")
        )
        self._explanations.remove(endless)
        self._explanations.append(_explanation(plan, began, time.monotonic()))

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
        if system.was_mixed and not self.is_timed:
            self._wait_until_written()
        system.stop_writers()
        self._wait_until_expired()
        self._settle("at the end")
        inboxes = system.archive.inboxes()
        different = system.wait_until_lists_match(
            {user: inbox.digest for user, inbox in inboxes.items()}
        )
        if different:
            outcome.failures.append(f"other lists than the database: {', '.join(different[:5])}")
        try:
            system.client_pool.request("read_final_lists")
        except RuntimeError as error:
            outcome.failures.append(f"the final lists could not be read: {error}")
        histories = system.histories()
        claims = system.claims() + _seeded(inboxes)
        comparisons = Comparisons()
        found = check(inboxes, claims, histories.followers, histories.originals, comparisons)
        kinds = Counter(each.wrong for each in found)
        # Some of each kind: of one, there may be thousands.
        outcome.violations = [
            each
            for kind in kinds
            for each in [other for other in found if other.wrong == kind][:MOST_OF_A_KIND]
        ]
        outcome.found = {kind.value: count for kind, count in kinds.items()}
        outcome.measured = [measure(w, histories.followers, inboxes) for w in self._windows]
        outcome.replays = replays(histories.followers, inboxes)
        outcome.tracebacks = system.tracebacks()
        outcome.memory = (outcome.memory[0], sum(system.memory().values()))
        outcome.notes = system.notes
        outcome.seconds = time.monotonic() - self._began
        self._count(inboxes, histories)
        self._count_evidence(inboxes, claims, comparisons)
        self._check_endings(histories)
        self._check_delays(histories, inboxes, claims)
        self._check_inboxes()
        outcome.failures += system.failures
        outcome.failures += [f"{n} x {error}" for error, n in outcome.tracebacks.items()]
        return outcome

    def _wait_until_written(self) -> None:
        """Let every writer do something: in a short run on a busy machine, some may only have started."""
        required = list(evidence.required_of_short_run())
        comes_true(
            lambda: not evidence.idle(evidence.of_claims(self._system.claims()), required),
            seconds=WRITTEN_SECONDS,
        )

    def _wait_until_expired(self) -> None:
        deadline = time.monotonic() + EXPIRED_SECONDS
        while self._system.database.due_soon and time.monotonic() < deadline:
            time.sleep(0.2)
        if self._system.database.due_soon:
            self.outcome.failures.append("what had expired was not deleted")

    def _count_evidence(
        self, inboxes: Mapping[int, Inbox], claims: Sequence[Claim], comparisons: Comparisons
    ) -> None:
        """Count everything that was done; what has to be done and was not is a failure."""
        system, outcome = self._system, self.outcome
        counts = evidence.of_claims(claims)
        counts.update({f"compared {name}": count for name, count in comparisons.items()})
        counts["events expired"] = len(system.archive.expired)
        required = list(evidence.required_of_checker(spec.protocol for spec in system.specs))
        if system.was_mixed and self.is_timed:
            required += evidence.required_of_writers()
        elif system.was_mixed:
            required += evidence.required_of_short_run()
        else:
            required += ["commit service send_many"]
        outcome.failures += evidence.idle(counts, required)
        for fault, effects in system.effects.items():
            effects = effects or {"anything": 0}
            counts.update({f"effect {fault}: {what}": int(n) for what, n in effects.items()})
            names = [f"effect {fault}: {what}" for what in effects]
            outcome.failures += evidence.idle(counts, names)
        positions_end = any(FAULTS[fault].ends_epochs for fault in system.effects)
        outcome.failures += evidence.unexpected_refusals(claims, positions_end=positions_end)
        outcome.counts = dict(sorted(counts.items()))

    def _check_endings(self, histories: Histories) -> None:
        closings = closings_of(histories.followers) + list(histories.closings.items())
        found = unexplained(closings, self._explanations, may_be_slow=not self.is_timed)
        self.outcome.failures += found[:MOST_ENDINGS]
        if len(found) > MOST_ENDINGS:
            self.outcome.failures.append(f"{len(found)} endings that nothing explains")

    def _check_delays(
        self, histories: Histories, inboxes: Mapping[int, Inbox], claims: Sequence[Claim]
    ) -> None:
        """Hold what was measured against what docs/delivery.md promises."""
        failures, reconcile = self.outcome.failures, self._system.size.reconcile_seconds
        # Without Redis, no doorbell rings from one process to another.
        rings = self._system.redis is not None
        if rings and self.outcome.recovered_share > RECOVERED_SHARE:
            share = 100 * self.outcome.recovered_share
            failures.append(f"{share:.0f} % of the events came without a doorbell in quiet time")
        if rings and self._quiet is not None and self.is_timed:
            paths = delays_by_path(self._quiet, histories.followers, inboxes, claims)
            for path, delays in sorted(paths.items()):
                p99 = percentile(delays, 0.99)
                self.outcome.notes.append(
                    f"nothing broken, by {path}: {len(delays)} deliveries, p50 "
                    f"{1000 * percentile(delays, 0.5):.0f} ms, p99 {1000 * p99:.0f} ms"
                )
                if p99 > DOORBELL_SECONDS:
                    failures.append(f"by {path}: p99 {p99:.2f} s while nothing was broken")
        if not self.is_timed:
            return
        for each in self.outcome.measured:
            fault = FAULTS.get(each.fault)
            if fault is None:
                continue
            bound = reconcile * fault.rounds + MARGIN_SECONDS
            bound += each.lasted + CAUGHT_UP_SECONDS if fault.holds else 0
            if each.delay_longest > bound:
                failures.append(
                    f"{each.fault}: an event took {each.delay_longest:.1f} s, not {bound:.1f} s"
                )
            if each.caught_up_longest > CAUGHT_UP_SECONDS:
                failures.append(f"{each.fault}: caught up after {each.caught_up_longest:.1f} s")

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


def _explanation(plan: Planned, began: float, ended: float) -> Explanation:
    return Explanation(plan.fault, began, ended, FAULTS[plan.fault].endings)


def _seeded(inboxes: Mapping[int, Inbox]) -> list[Claim]:
    titles = [f"{TITLE} {number}" for number in range(FIRST_NOTIFICATIONS)]
    return [Claim("seeding", user, ADDED, COMMITTED, title=t) for user in inboxes for t in titles]
