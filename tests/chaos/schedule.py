"""When which fault happens, made from a seed: the same seed, the same schedule. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EVERYTHING = "everything"
"""What a fault takes that leaves nothing for others to break at the same time."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault: when it begins, how long it lasts, and the seed by which it chooses its target."""

    at: float
    fault: str
    seconds: float
    choice: int

    @property
    def until(self) -> float:
        """When it ends."""
        return round(self.at + self.seconds, 1)

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.fault} for {self.seconds:g} s (choice {self.choice})"


def one_after_the_other(
    seed: int, faults: Sequence[str], *, seconds: float, pause: float
) -> list[Planned]:
    """Return every fault once, alone."""
    rng = random.Random(seed)
    step = seconds + pause
    return [
        Planned(round(number * step, 1), fault, seconds, rng.randrange(1000))
        for number, fault in enumerate(faults)
    ]


def mixed(
    seed: int,
    faults: Mapping[str, str],
    *,
    seconds: float,
    shortest: float = 0.5,
    longest: float = 5.0,
    pause: float = 2.0,
    least: Mapping[str, float] | None = None,
) -> list[Planned]:
    """Return faults that may overlap, except two with the same target: `faults` maps each to its target.

    All have ended after `seconds`. There is a new one every `pause` seconds, more or less. A fault of everything
    comes once at most: it leaves no time for others. `least` is how long some have to last, even beyond the end.
    """
    rng = random.Random(seed)
    planned: list[Planned] = []
    at = rng.uniform(0, pause)
    while at + longest <= seconds:
        fault = rng.choice(sorted(faults))
        last = max(round(rng.uniform(shortest, longest), 1), (least or {}).get(fault, 0.0))
        choice = rng.randrange(1000)
        each = Planned(round(at, 1), fault, last, choice)
        is_alone = not any(_collide(each, other, faults) for other in planned)
        if is_alone and not _is_repeated(each, planned, faults):
            planned.append(each)
        at += rng.uniform(0, 2 * pause)
    return planned


def _is_repeated(one: Planned, planned: Sequence[Planned], faults: Mapping[str, str]) -> bool:
    return faults[one.fault] == EVERYTHING and one.fault in {other.fault for other in planned}


def _collide(one: Planned, other: Planned, faults: Mapping[str, str]) -> bool:
    targets = {faults[one.fault], faults[other.fault]}
    if len(targets) == 2 and EVERYTHING not in targets:
        return False
    return one.at <= other.until and other.at <= one.until


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of a schedule: a fault begins, or ends."""

    at: float
    begins: bool
    planned: Planned


def steps(planned: Sequence[Planned]) -> list[Step]:
    """Return the beginnings and ends of all faults in the order of time; at the same moment, ends first."""
    begins = [Step(each.at, True, each) for each in planned]
    ends = [Step(each.until, False, each) for each in planned]
    return sorted(begins + ends, key=lambda step: (step.at, step.begins))
