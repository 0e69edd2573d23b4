"""An event loop whose time stands still until a test moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_RESTLESS = 10_000
"""Turns of the loop without coming to rest, after which something must be spinning."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is ready, one turn at a time, and never waits: every test on it is deterministic."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._calls = 0
        super().__init__()
        self.errors: list[dict[str, Any]] = []
        """What nobody caught: exceptions of callbacks, and of tasks that were thrown away."""
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        """Return the virtual time."""
        return self._now

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Count what is scheduled: a turn that schedules nothing leaves the loop at rest."""
        self._calls += 1
        return super().call_soon(callback, *args, context=context)

    def step(self) -> bool:
        """Run one turn of the loop; return whether it is at rest afterwards."""
        super().call_soon(self.stop)
        before = self._calls
        self.run_forever()
        return self._calls == before

    def settle(self) -> None:
        """Run until nothing can go on without time passing."""
        for _ in range(_RESTLESS):
            if self.step():
                return
        raise AssertionError("The loop does not come to rest: something spins.")

    def advance(self, seconds: float) -> None:
        """Let time pass, and run what that brings about."""
        self._now += seconds
        self.settle()

    def result_of(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that needs no time to pass, and return its result."""
        task = self.create_task(coroutine)
        self.settle()
        assert task.done(), "This needs time to pass."
        return task.result()

    def run_off(self) -> None:
        """End all tasks and close the loop."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.settle()
        self.close()
