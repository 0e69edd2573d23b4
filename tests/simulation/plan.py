"""The plan: what happens in a simulation and when, made from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

SECONDS = 20.0
"""How long faults go on. Then everything is well, and everybody has to catch up."""

ORDINARY: Mapping[str, int] = {
    "write": 30,
    "write and die": 4,
    "write in bulk": 3,
    "roll back": 2,
    "prune": 2,
    "repair": 1,
    "remove": 1,
    "bad weather": 4,
    "stop the broker": 2,
    "silence a server's broker": 2,
    "database down": 2,
    "database slow": 3,
    "dead connection": 1,
    "crash a server": 2,
    "stop a server": 1,
    "cut a client": 5,
    "cut all clients": 1,
    "client leaves": 2,
    "client stops reading": 3,
    "client forgets": 1,
}
"""What happens, and how often compared with the rest."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens. `seconds` is how long a fault lasts; `choice` decides whom it strikes, and how."""

    at: float
    action: str
    seconds: float
    choice: int

    def __str__(self) -> str:
        return f"{self.at:6.2f} s  {self.action} ({self.seconds:.2f} s, choice {self.choice})"


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of simulation: what can happen beside the ordinary, and how the processes are set up."""

    name: str
    actions: Mapping[str, int] = field(default_factory=dict)
    is_copied: bool = False
    """Whether the second deployment is a copy of the first one's database, with its id."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation. The same plan runs the same way."""

    seed: int
    profile: Profile
    steps: tuple[Step, ...]


def make_plan(seed: int, profile: Profile) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(f"{profile.name} {seed}")
    weights = {**ORDINARY, **profile.actions}
    # Most simulations have a few kinds of faults, which then meet often; some have all.
    kept = {
        action: weight
        for action, weight in weights.items()
        if action == "write" or action in profile.actions or rng.random() < 0.6
    }
    actions = rng.choices(list(kept), weights=list(kept.values()), k=rng.randrange(15, 60))
    times = sorted(round(rng.random() * SECONDS, 2) for _ in actions)
    steps = tuple(
        Step(at, action, round(rng.random() ** 2 * 4, 2), rng.randrange(10_000))
        for at, action in zip(times, actions, strict=True)
    )
    return Plan(seed, profile, steps)
