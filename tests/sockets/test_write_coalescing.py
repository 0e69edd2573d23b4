"""Write coalescing: what is written in one iteration of the event loop is sent at its end, in order."""

from __future__ import annotations

import asyncio

import pytest

from live_inbox.sockets.write_coalescing import _TOGETHER, WriteCoalescer, write_coalescer

pytestmark = pytest.mark.stack("embedded")


class FakeSocket:
    """Has something to write, and adds another socket while doing so if there is one."""

    def __init__(self, name: int, written: list[int]) -> None:
        self.name = name
        self.written = written
        self.then: tuple[WriteCoalescer, FakeSocket] | None = None

    def flush(self) -> None:
        """Write."""
        self.written.append(self.name)
        if self.then is not None:
            box, other = self.then
            box.add(other)


@pytest.fixture
def written() -> list[int]:
    """The sockets that have written so far."""
    return []


async def test_each_event_loop_has_one() -> None:
    mine = write_coalescer(asyncio.get_running_loop())
    assert write_coalescer(asyncio.get_running_loop()) is mine

    async def other() -> WriteCoalescer:
        return write_coalescer(asyncio.get_running_loop())

    assert await asyncio.to_thread(lambda: asyncio.run(other())) is not mine


async def test_it_is_written_at_the_end_of_the_iteration(written: list[int]) -> None:
    box = WriteCoalescer(asyncio.get_running_loop())
    for iteration in range(2):
        for name in range(3):
            box.add(FakeSocket(10 * iteration + name, written))
        assert len(written) == 3 * iteration
        await asyncio.sleep(0)
    assert written == [0, 1, 2, 10, 11, 12]


async def test_so_many_do_not_wait_for_the_end_of_the_iteration(written: list[int]) -> None:
    box = WriteCoalescer(asyncio.get_running_loop())
    for name in range(2 * _TOGETHER + 1):
        box.add(FakeSocket(name, written))
    assert written == list(range(2 * _TOGETHER))
    await asyncio.sleep(0)
    assert written == list(range(2 * _TOGETHER + 1))


async def test_what_comes_while_it_is_written_is_written_next(written: list[int]) -> None:
    box = WriteCoalescer(asyncio.get_running_loop())
    first = FakeSocket(1, written)
    first.then = (box, FakeSocket(2, written))
    box.add(first)
    await asyncio.sleep(0)
    assert written == [1]
    await asyncio.sleep(0)
    assert written == [1, 2]
