"""Background tasks of a socket: they end with it."""

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
        self.log: list[str] = []

    async def do(self) -> None:
        """Work."""
        self.log.append("begun")
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            # A cancelled task may have to clean up.
            await asyncio.sleep(0)
            self.log.append("cleaned up")
            raise
        self.log.append("done")


@pytest.fixture
async def work() -> Work:
    """Something to do."""
    return Work()


async def let_run() -> None:
    """Let everything happen that waits for nothing."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_task_runs_beside_the_one_that_started_it(work: Work) -> None:
    tasks = BackgroundTasks()
    tasks.run(work.do())
    assert work.log == []
    await let_run()
    assert work.log == ["begun"]
    work.may_end.set()
    await tasks.done()
    assert work.log == ["begun", "done"]
    assert len(asyncio.all_tasks()) == 1


async def test_at_the_end_it_is_cancelled_and_waited_for(work: Work) -> None:
    tasks = BackgroundTasks()
    tasks.run(work.do())
    await let_run()
    await tasks.end()
    assert work.log == ["begun", "cancelled", "cleaned up"]


async def test_other_tasks_end_with_it(work: Work) -> None:
    other = asyncio.create_task(work.do())
    await let_run()
    await BackgroundTasks().end([other])
    assert work.log == ["begun", "cancelled", "cleaned up"]


async def test_one_that_is_begun_by_another_as_it_ends_does_not_outlive_the_socket_either(
    work: Work,
) -> None:
    tasks = BackgroundTasks()

    async def hand_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.run(work.do())
            await asyncio.sleep(0)

    tasks.run(hand_on())
    await let_run()
    await tasks.end()
    assert work.log == ["begun", "cancelled", "cleaned up"]
    assert len(asyncio.all_tasks()) == 1


async def test_where_nothing_was_begun_there_is_nothing_to_wait_for(work: Work) -> None:
    tasks = BackgroundTasks()
    for over in (tasks.done(), tasks.end()):
        with pytest.raises(StopIteration):
            over.send(None)


async def test_a_task_that_has_ended_is_freed(work: Work) -> None:
    tasks = BackgroundTasks()
    work.may_end.set()
    for _ in range(3):
        tasks.run(work.do())
    await tasks.done()
    assert tasks._tasks == set()


async def test_a_socket_without_tasks_pays_less_for_them_than_for_a_set() -> None:
    tasks = BackgroundTasks()
    assert tasks._tasks is None
    assert sys.getsizeof(tasks) < sys.getsizeof(set())
