"""The garbage collector of a server process."""

from __future__ import annotations

import gc

THRESHOLDS = (10_000, 20, 50)
"""Python's own, (700, 10, 10) in most versions, are for programs that hold little. A server with thousands of
sockets allocates in bursts, when many connect or an event goes to all of them, and what it allocates lives long:
looking for cycles after each 700 objects finds none and costs a tenth of a connect."""


def settle() -> None:
    """Look at what the program has loaded once more and never again, and look for garbage less often from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
