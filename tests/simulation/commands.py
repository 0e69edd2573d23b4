"""What `python -m tests.simulation` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from tests.simulation.plan import make_plan
from tests.simulation.planted import BUGS
from tests.simulation.profiles import PROFILES
from tests.simulation.run import simulate
from tests.simulation.search import report, search, with_steps


def simulate_all(names: Sequence[str], seeds: Sequence[int]) -> int:
    """Simulate seeds of profiles, of those named or of all; return 1 if any failed."""
    failed = False
    for name in names or PROFILES:
        result = search(PROFILES[name], seeds)
        print(result, flush=True)
        if result.failed is not None:
            failed = True
            print(report(result.failed), flush=True)
    return int(failed)


def replay(names: Sequence[str], seed: int, steps: str) -> int:
    """Simulate one seed, and print its trace; return 1 if it failed."""
    plan = make_plan(seed, PROFILES[names[0]])
    if steps:
        plan = with_steps(plan, steps)
    outcome = simulate(plan)
    print("\n".join([str(step) for step in plan.steps] + outcome.trace))
    print(outcome.violation or "No promise was broken.")
    return int(outcome.violation is not None)


def find_planted(most: int) -> int:
    """Search each planted bug, and print after how many seeds it is found; return 1 if one is not."""
    missed = 0
    for bug in BUGS:
        began = time.process_time()
        with bug.plant():
            result = search(PROFILES[bug.profile], range(most))
        seconds = time.process_time() - began
        if result.failed is None:
            missed += 1
            print(f"{bug.name}: NOT FOUND in {result.seeds} seeds ({seconds:.1f} s)", flush=True)
        else:
            print(
                f"{bug.name}: {result.seeds} seeds, {seconds:.1f} s: {result.violation}", flush=True
            )
    sys.stdout.flush()
    return int(missed > 0)
