"""Times what is compared by turns, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def take_turns(actions: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Return the median time of each action, once with and once without waiting for the database."""
    wall: dict[str, list[float]] = {name: [] for name in actions}
    own: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(turns + turns // 10):
        for name, action in actions.items():
            used, began = time.process_time(), time.perf_counter()
            action()
            if turn >= turns // 10:
                wall[name].append(time.perf_counter() - began)
                own[name].append(time.process_time() - used)
    figures = {f"{name}_us": 1e6 * statistics.median(times) for name, times in wall.items()}
    means = {f"{name}_own_us": 1e6 * statistics.fmean(times) for name, times in own.items()}
    return figures | means
