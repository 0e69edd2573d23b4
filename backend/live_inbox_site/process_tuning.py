"""What a server process sets in the interpreter: the garbage collector, and how threads take turns."""

from __future__ import annotations

import gc
import sys

THRESHOLDS = (10_000, 1, 25)
"""Python's own, (700, 10, 10) in most versions, suit programs with few objects. A server with thousands of
sockets allocates in bursts, when many connect or an event goes to all of them, and what it allocates lives long:
collecting after each 700 objects finds no cycles and costs a tenth of a connect. The middle generation is never larger
than two of the youngest, because its collection holds up the event loop; the oldest is collected after about half
a million objects, 160 MB of what may have died in it, such as parsed documents."""

SWITCH_SECONDS = 0.0005
"""How long a thread may compute while others wait. With Python's own, 5 ms, the event loop waits for so long each time
that a thread makes a page or a list."""


def settle() -> None:
    """Collect once, exclude what is loaded from later collections, and collect less often from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)
