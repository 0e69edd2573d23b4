"""Says where its stack is and waits for the end."""

from __future__ import annotations

import signal

from tests.stacks.stack import Stack


def test_waiting(stack: Stack) -> None:
    print(stack.process_registry.directory, flush=True)
    signal.pause()
