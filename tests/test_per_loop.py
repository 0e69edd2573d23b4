"""One running context for each event loop: shared while the loop runs, and left with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from live_inbox.per_loop import PerLoop

pytestmark = pytest.mark.stack("embedded")


class Contexts:
    """Numbered contexts, and what happens to them."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.error: Exception | None = None
        self.per_loop = PerLoop(self._context)

    @asynccontextmanager
    async def _context(self) -> AsyncIterator[int]:
        number = len(self.happened)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.happened.append(f"enter {number}")
        try:
            yield number
        finally:
            await asyncio.sleep(0)
            self.happened.append(f"leave {number}")


@pytest.fixture
def contexts() -> Contexts:
    """No context has been entered yet."""
    return Contexts()


def test_everyone_on_a_loop_shares_one_context(contexts: Contexts) -> None:
    async def serve() -> list[int | None]:
        before = contexts.per_loop.current()
        both = await asyncio.gather(contexts.per_loop.start(), contexts.per_loop.start())
        return [before, *both, contexts.per_loop.current()]

    assert asyncio.run(serve()) == [None, 0, 0, 0]


def test_a_context_is_left_with_its_loop(contexts: Contexts) -> None:
    async def serve() -> int:
        return await contexts.per_loop.start()

    assert asyncio.run(serve()) == 0
    assert contexts.happened == ["enter 0", "leave 0"]
    assert asyncio.run(serve()) == 2
    assert contexts.happened == ["enter 0", "leave 0", "enter 2", "leave 2"]


def test_after_its_end_a_context_is_still_what_late_connections_get(contexts: Contexts) -> None:
    async def serve() -> list[int | None]:
        await contexts.per_loop.start()
        await contexts.per_loop.stop()
        assert contexts.happened == ["enter 0", "leave 0"]
        late = contexts.per_loop.current()
        return [late, await contexts.per_loop.start()]

    assert asyncio.run(serve()) == [0, 2]
    assert contexts.happened[-1] == "leave 2"


def test_to_stop_what_never_started_is_a_no_op(contexts: Contexts) -> None:
    asyncio.run(contexts.per_loop.stop())
    assert contexts.happened == []


def test_a_failed_start_is_raised_and_can_be_repeated(contexts: Contexts) -> None:
    async def serve() -> int:
        contexts.error = OSError("no")
        with pytest.raises(OSError, match="no"):
            await contexts.per_loop.start()
        contexts.error = None
        return await contexts.per_loop.start()

    assert asyncio.run(serve()) == 0
    assert contexts.happened == ["enter 0", "leave 0"]


def test_a_cancelled_connection_does_not_stop_the_start(contexts: Contexts) -> None:
    async def serve() -> int:
        first = asyncio.create_task(contexts.per_loop.start())
        await asyncio.sleep(0)
        first.cancel()
        return await contexts.per_loop.start()

    assert asyncio.run(serve()) == 0


STOPPED_LOOP = """
import asyncio
from contextlib import asynccontextmanager
from live_inbox.per_loop import PerLoop

@asynccontextmanager
async def context():
    try:
        yield
    finally:
        print("left")

per_loop = PerLoop(context)
loop = asyncio.new_event_loop()
loop.run_until_complete(per_loop.start())
print("end")
"""


def test_on_a_loop_that_is_only_stopped_the_context_is_left_at_exit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_LOOP], capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (["end", "left"], "")
