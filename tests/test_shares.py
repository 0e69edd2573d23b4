"""Shares, with any calls in any order."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from live_inbox.shares import Share, Shares

MOST = {"a": 1, "b": 2, "c": 3}
KEYS = st.lists(st.sampled_from(sorted(MOST)), min_size=1, max_size=3, unique=True)
STEPS = st.lists(st.tuples(st.sampled_from(["ask", "end", "cancel"]), KEYS, st.integers(0, 50)))


@given(STEPS)
def test_no_share_is_exceeded_and_none_is_lost(steps: list[tuple[str, list[str], int]]) -> None:
    """Whoever can be admitted is, and after everybody has gone, everything is free again."""

    async def scenario() -> None:
        shares = Shares()
        waiting: dict[asyncio.Task[None], list[Share]] = {}
        held: list[list[Share]] = []

        async def settle() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            for task in [task for task in waiting if task.done()]:
                wanted = waiting.pop(task)
                if not task.cancelled():
                    held.append(wanted)
            taken = Counter(share.key for each in held for share in each)
            assert all(taken[key] <= most for key, most in MOST.items())
            for wanted in waiting.values():
                assert any(taken[share.key] >= share.most for share in wanted)

        for action, keys, number in steps:
            if action == "ask":
                wanted = [Share(key, MOST[key]) for key in keys]
                waiting[asyncio.ensure_future(shares.wait(wanted))] = wanted
            elif action == "end" and held:
                shares.release(held.pop(number % len(held)))
            elif action == "cancel" and waiting:
                list(waiting)[number % len(waiting)].cancel()
            await settle()
        while held:
            shares.release(held.pop())
            await settle()
        assert not waiting
        assert shares.take([Share(key, 1) for key in MOST])

    asyncio.run(scenario())


async def test_who_gives_up_leaves_the_queue() -> None:
    shares = Shares()
    wanted = [Share("a", 1), Share("b", 2)]
    await shares.wait(wanted)
    waiting = [asyncio.ensure_future(shares.wait(wanted)) for _ in range(3)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert shares._waiting == {}
    shares.release(wanted)
    assert shares.take(wanted)
