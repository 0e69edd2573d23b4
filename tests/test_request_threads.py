"""How many requests of one caller read at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from live_inbox.request_threads import LONG_LIST, Use, in_request_thread
from tests.changed_settings import changed_settings


class Reads:
    """Calls that all wait until they may end, and how many of them have begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def __call__(self) -> None:
        self.begun.release()
        assert self.may_end.wait(10)

    async def until_begun(self, count: int) -> None:
        """Wait until so many have begun."""
        for _ in range(count):
            assert await asyncio.to_thread(self.begun.acquire, timeout=10)


@pytest.fixture
def reads() -> Iterator[Reads]:
    made = Reads()
    yield made
    made.may_end.set()


@pytest.mark.parametrize(
    ("uses", "begun"),
    [
        # Of four threads.
        ([Use.of_list("alice", LONG_LIST)] * 3, 2),
        ([Use.of_list("alice", LONG_LIST + 1)] * 3, 1),
        ([Use.of_list("alice", 100)] * 2 + [Use("alice")] * 2, 2),
        ([Use.of_list("alice", 100)] * 2 + [Use.of_list("bob", 100)] * 2, 2),
        ([Use.of_list("alice", 100), Use("alice", changed_inbox="alice")], 2),
    ],
    ids=["short", "long", "long-and-short", "of-two", "long-and-a-change"],
)
def test_long_reads_of_a_caller_wait_for_each_other(
    reads: Reads, uses: list[Use], begun: int
) -> None:
    async def scenario() -> None:
        calls = [asyncio.ensure_future(in_request_thread(use, reads)) for use in uses]
        await reads.until_begun(begun)
        # Behind all that may begin, in a thread that is free.
        await in_request_thread(Use("carol"), lambda: None)
        assert not reads.begun.acquire(blocking=False)
        reads.may_end.set()
        await asyncio.gather(*calls)

    with changed_settings(DATABASE_THREADS=4):
        asyncio.run(scenario())
