"""Arithmetic over measurements: medians, ranges, percentiles, ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """The figures of one peer at one workload in one round."""

    workload: str
    peer: str
    size: int
    round: int
    figures: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it as the raw results keep it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Row:
        """Read it again."""
        return cls(**value)


@dataclass(frozen=True)
class Spread:
    """The middle of several measurements, and how far apart they are."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of at least one measurement."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of ascending values does not exceed; not a number if there are none."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def late(latencies: list[float]) -> dict[str, float]:
    """Return how late deliveries were, in milliseconds: the middle one, and the latest but for one in a hundred."""
    ordered = sorted(latencies)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99}
    return {name: 1000 * percentile(ordered, share) for name, share in shares.items()}


def spreads(rows: Iterable[Row], figure: str) -> dict[tuple[str, int], Spread]:
    """Return one figure's spread over the rounds, by peer and size."""
    values: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        if figure in row.figures:
            values.setdefault((row.peer, row.size), []).append(row.figures[figure])
    return {key: Spread.of(found) for key, found in values.items()}


def totals(rows: Iterable[Row], figure: str) -> dict[tuple[str, int], float]:
    """Return the sum of a figure over the rounds, by peer and size."""
    sums: dict[tuple[str, int], float] = {}
    for row in rows:
        if figure in row.figures:
            key = (row.peer, row.size)
            sums[key] = sums.get(key, 0.0) + row.figures[figure]
    return sums
