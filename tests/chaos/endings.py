"""How connections ended, and whether a fault explains it. Pure.

A connection that a client has ended itself needs no explanation. Every other ending does: what no fault of that moment
causes is a failure of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.chaos.history import Closed, Follower, Item

OWN = ("cut off", "abandoned")
BROKEN = "broken"
"""Without a close frame, or before the socket was open: reset, refused, timed out."""
UNAVAILABLE = "unavailable"
"""An operation was answered with SERVICE_UNAVAILABLE."""
SLOW = frozenset({BROKEN, UNAVAILABLE})
"""What a machine that is busy with something else causes as well: somebody's patience has ended."""
RESTARTING = "1012"
TRY_AGAIN = "1013"
INTERNAL_ERROR = "1011"
AFTERMATH_SECONDS = 15.0
"""Clients ping every 10 s and wait as long: so late they notice what a fault did to their connections."""

_CODE = re.compile(r"(?:closed with|received) (\d{4})")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A fault that was active from `began` to `ended`, and the endings that it causes."""

    fault: str
    began: float
    ended: float
    endings: frozenset[str]


def kind_of(why: str) -> str:
    """Return what kind of ending a client's words describe."""
    if why in OWN:
        return why
    code = _CODE.search(why)
    if code is not None:
        return BROKEN if code[1] == "1006" else code[1]
    if "SERVICE_UNAVAILABLE" in why:
        return UNAVAILABLE
    if why.startswith("ServerRefused"):
        return why
    return BROKEN


def unexplained(
    closings: Iterable[tuple[str, Sequence[Item]]],
    explanations: Sequence[Explanation],
    *,
    may_be_slow: bool = False,
) -> list[str]:
    """Return a line for each ending of a connection that no fault explains; nor a slow machine, where it may be one."""
    found = []
    for name, items in closings:
        for item in items:
            if not isinstance(item, Closed) or (kind := kind_of(item.why)) in OWN:
                continue
            if may_be_slow and kind in SLOW:
                continue
            active = [e for e in explanations if e.began <= item.at <= e.ended + AFTERMATH_SECONDS]
            if not any(kind in each.endings for each in active):
                during = ", ".join(each.fault for each in active) or "no fault"
                found.append(f"{name}: {item.why} ({kind}), during {during}")
    return found


def closings_of(followers: Iterable[Follower]) -> list[tuple[str, Sequence[Item]]]:
    """Return the histories of clients that hold positions in the form that `unexplained` takes."""
    return [(each.name, each.items) for each in followers]
