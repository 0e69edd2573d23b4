"""What an attack is, and the table of all of them. The modules named `*_attacks` fill it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from tests.siege.traffic import CONNECTED, NOTED, Attacker

Assault = Callable[[Attacker], Coroutine[Any, Any, None]]

MANY_ADDRESSES = 200
SERVED = frozenset({CONNECTED, "101", "200", "closed", *NOTED})
"""What every attacker may get: an answer, or the end of its connection."""


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack: what its clients do until they are cancelled, and what they may get for it.

    `addresses`: over how many they are spread; there is a run for each number. `waits`: for how many seconds the server
    has to run before.
    """

    name: str
    summary: str
    assault: Assault
    outcomes: frozenset[str]
    addresses: tuple[int, ...] = (1,)
    needs_postgres: bool = False
    needs_issuer: bool = False
    waits: float = 0.0


ATTACKS: dict[str, Attack] = {}


def attack(
    name: str,
    *outcomes: str,
    addresses: tuple[int, ...] = (1,),
    needs_postgres: bool = False,
    needs_issuer: bool = False,
    waits: float = 0.0,
) -> Callable[[Assault], Assault]:
    """Register an attack by its name, with the refusals that are documented. The docstring is its summary."""

    def register(assault: Assault) -> Assault:
        summary = (assault.__doc__ or "").partition("\n")[0].rstrip(".")
        ATTACKS[name] = Attack(
            name,
            summary,
            assault,
            SERVED | set(outcomes),
            addresses,
            needs_postgres,
            needs_issuer,
            waits,
        )
        return assault

    return register
