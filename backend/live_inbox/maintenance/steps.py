"""Work in steps, each a transaction of its own, so that none locks many rows for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TypeVar

Done = TypeVar("Done")


def result_of(steps: Iterable[Done], nothing: Done) -> Done:
    """Take all steps, which yield what is done so far; return what that was in the end: `nothing` without a step."""
    latest = deque([nothing], maxlen=1)
    latest.extend(steps)
    return latest[0]
