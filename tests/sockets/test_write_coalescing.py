"""What sockets are told in one turn of the event loop is written at its end, in the order in which they were told."""

from __future__ import annotations

import asyncio

import pytest

from live_inbox.sockets.write_coalescing import _TOGETHER, Outbox, outbox

pytestmark = pytest.mark.stack("embedded")


class Somebody:
    """Has something to write, and tells somebody else something while doing so if there is anybody."""

    def __init__(self, name: int, written: list[int]) -> None:
        self.name = name
        self.written = written
        self.then: tuple[Outbox, Somebody] | None = None

    def flush(self) -> None:
        """Write."""
        self.written.append(self.name)
        if self.then is not None:
            box, other = self.then
            box.add(other)


@pytest.fixture
def written() -> list[int]:
    """Who has written so far."""
    return []


async def test_each_event_loop_has_one() -> None:
    mine = outbox(asyncio.get_running_loop())
    assert outbox(asyncio.get_running_loop()) is mine

    async def other() -> Outbox:
        return outbox(asyncio.get_running_loop())

    assert await asyncio.to_thread(lambda: asyncio.run(other())) is not mine


async def test_it_is_written_at_the_end_of_the_turn(written: list[int]) -> None:
    box = Outbox(asyncio.get_running_loop())
    for turn in range(2):
        for name in range(3):
            box.add(Somebody(10 * turn + name, written))
        assert len(written) == 3 * turn
        await asyncio.sleep(0)
    assert written == [0, 1, 2, 10, 11, 12]


async def test_so_many_do_not_wait_for_the_end_of_the_turn(written: list[int]) -> None:
    box = Outbox(asyncio.get_running_loop())
    for name in range(2 * _TOGETHER + 1):
        box.add(Somebody(name, written))
    assert written == list(range(2 * _TOGETHER))
    await asyncio.sleep(0)
    assert written == list(range(2 * _TOGETHER + 1))


async def test_what_comes_while_it_is_written_is_written_next(written: list[int]) -> None:
    box = Outbox(asyncio.get_running_loop())
    first = Somebody(1, written)
    first.then = (box, Somebody(2, written))
    box.add(first)
    await asyncio.sleep(0)
    assert written == [1]
    await asyncio.sleep(0)
    assert written == [1, 2]
