"""Comparing notifications and events field by field, and counting what was compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.chaos.history import CONTENT, Notification

Comparisons = Counter[str]
"""How often which field of what was compared, for which kind of client: `transport event.message`."""


def differences(
    actual: object, expected: object, names: Sequence[str], what: str, counted: Comparisons
) -> list[str]:
    """Compare the named attributes, and count that; return what differs."""
    found = []
    for name in names:
        counted[f"{what}.{name}"] += 1
        if getattr(actual, name) != getattr(expected, name):
            found.append(f"{name} {getattr(actual, name)!r}, not {getattr(expected, name)!r}")
    return found


def list_differences(
    actual: Sequence[Notification],
    expected: Sequence[Notification],
    what: str,
    counted: Comparisons,
    names: Sequence[str] = CONTENT,
) -> list[str]:
    """Compare two lists in full, and in their order."""
    counted[f"{what}.order"] += 1
    if [each.id for each in actual] != [each.id for each in expected]:
        missing = {each.id for each in expected} - {each.id for each in actual}
        more = {each.id for each in actual} - {each.id for each in expected}
        return [f"missing {sorted(missing)}, more {sorted(more)}, or another order"]
    return [
        f"{one.id}: {difference}"
        for one, other in zip(actual, expected, strict=True)
        for difference in differences(one, other, names, what, counted)
    ]
