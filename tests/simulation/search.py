"""Searches seeds for a simulation that breaks a promise, and reports it so that it can be replayed."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.simulation.plan import Plan, Profile, make_plan
from tests.simulation.run import Outcome, simulate
from tests.simulation.shrinking import shrink

_LINES = 60


@dataclass
class Search:
    """What came of many seeds of one profile."""

    profile: Profile
    seeds: int = 0
    commits: int = 0
    applied: int = 0
    resets: int = 0
    failed: Plan | None = None
    violation: str = ""

    def add(self, outcome: Outcome) -> None:
        """Count one simulation."""
        self.seeds += 1
        self.commits += outcome.commits
        self.applied += outcome.applied
        self.resets += outcome.resets

    def __str__(self) -> str:
        return (
            f"{self.profile.name}: {self.seeds} seeds, {self.commits} commits,"
            f" {self.applied} events applied, {self.resets} resets"
        )


def search(profile: Profile, seeds: Iterable[int]) -> Search:
    """Simulate seeds until one breaks a promise."""
    result = Search(profile)
    for seed in seeds:
        plan = make_plan(seed, profile)
        outcome = simulate(plan)
        result.add(outcome)
        if outcome.violation is not None:
            result.failed, result.violation = plan, outcome.violation
            break
        if result.seeds % 50 == 0:
            # A simulation is one large reference cycle.
            gc.collect()
    return result


def report(plan: Plan, *, is_shrunk: bool = True) -> str:
    """Return what a failing plan does, in as few steps as show it, and how to replay it."""
    shortest = shrink(plan, _fails) if is_shrunk else plan
    outcome = simulate(shortest)
    steps = [f"  {step}" for step in shortest.steps]
    kept = ",".join(str(plan.steps.index(step)) for step in shortest.steps)
    return "\n".join(
        [
            f"profile {plan.profile.name!r}, seed {plan.seed}: {outcome.violation}",
            f"{len(steps)} of {len(plan.steps)} steps are enough:",
            *steps,
            "What happened:",
            *[f"  {line}" for line in outcome.trace[-_LINES:]],
            f"Replay: python -m tests.simulation --profile {plan.profile.name!r}"
            f" --seed {plan.seed} --steps {kept or 'none'}",
        ]
    )


def with_steps(plan: Plan, kept: str) -> Plan:
    """Return a plan with the steps of these numbers only, as `report` names them."""
    numbers = [] if kept == "none" else [int(number) for number in kept.split(",")]
    return replace(plan, steps=tuple(plan.steps[number] for number in numbers))


def _fails(plan: Plan) -> bool:
    return simulate(plan).violation is not None
