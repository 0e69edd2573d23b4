"""The errands of a socket: done beside it, and over when it is."""

from __future__ import annotations

import asyncio
import sys

import pytest

from live_inbox.sockets.background_tasks import BackgroundTasks

pytestmark = pytest.mark.stack("embedded")


class Work:
    """Something that takes as long as the test wants, and notes how it went."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.went: list[str] = []

    async def do(self) -> None:
        """Work."""
        self.went.append("begun")
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.went.append("cancelled")
            # Who is cancelled may have to put things in order.
            await asyncio.sleep(0)
            self.went.append("tidied up")
            raise
        self.went.append("done")


@pytest.fixture
async def work() -> Work:
    """Something to do."""
    return Work()


async def let_run() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_errand_runs_beside_whoever_asked_for_it(work: Work) -> None:
    errands = BackgroundTasks()
    errands.run(work.do())
    assert work.went == []
    await let_run()
    assert work.went == ["begun"]
    work.may_end.set()
    await errands.done()
    assert work.went == ["begun", "done"]
    assert len(asyncio.all_tasks()) == 1


async def test_at_the_end_it_is_cancelled_and_waited_for(work: Work) -> None:
    errands = BackgroundTasks()
    errands.run(work.do())
    await let_run()
    await errands.end()
    assert work.went == ["begun", "cancelled", "tidied up"]


async def test_other_tasks_end_with_it(work: Work) -> None:
    other = asyncio.create_task(work.do())
    await let_run()
    await BackgroundTasks().end([other])
    assert work.went == ["begun", "cancelled", "tidied up"]


async def test_one_that_is_begun_by_another_as_it_ends_does_not_outlive_the_socket_either(
    work: Work,
) -> None:
    errands = BackgroundTasks()

    async def hand_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            errands.run(work.do())
            await asyncio.sleep(0)

    errands.run(hand_on())
    await let_run()
    await errands.end()
    assert work.went == ["begun", "cancelled", "tidied up"]
    assert len(asyncio.all_tasks()) == 1


async def test_where_nothing_was_begun_there_is_nothing_to_wait_for(work: Work) -> None:
    errands = BackgroundTasks()
    for over in (errands.done(), errands.end()):
        with pytest.raises(StopIteration):
            over.send(None)


async def test_one_that_has_ended_is_kept_by_nobody(work: Work) -> None:
    errands = BackgroundTasks()
    work.may_end.set()
    for _ in range(3):
        errands.run(work.do())
    await errands.done()
    assert errands._tasks == set()


async def test_a_socket_without_errands_pays_less_for_them_than_for_a_set() -> None:
    errands = BackgroundTasks()
    assert errands._tasks is None
    assert sys.getsizeof(errands) < sys.getsizeof(set())
