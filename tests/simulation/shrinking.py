"""Shrinking: leaves out of a plan whatever it fails without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.plan import Plan, Step


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Return a plan that fails still, and would not without any one of its steps.

    Leaves out half of the steps, then a quarter, and so on: delta debugging.
    """
    steps = plan.steps
    size = max(1, len(steps) // 2)
    while True:
        shorter = _without_parts(plan, steps, size, fails)
        if size == 1 and shorter == steps:
            return replace(plan, steps=steps)
        steps, size = shorter, max(1, size // 2)


def _without_parts(
    plan: Plan, steps: tuple[Step, ...], size: int, fails: Callable[[Plan], bool]
) -> tuple[Step, ...]:
    start = 0
    while start < len(steps):
        shorter = steps[:start] + steps[start + size :]
        if fails(replace(plan, steps=shorter)):
            steps = shorter
        else:
            start += size
    return steps
