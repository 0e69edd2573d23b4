"""What crowds ask for is done one piece in each turn of the loop, and addresses take turns."""

from __future__ import annotations

import asyncio

import pytest

from live_inbox.computing_threads import ComputingThreads
from live_inbox.sockets import loop_turns as loop_turns_module
from live_inbox.sockets.known_addresses import KnownAddresses
from live_inbox.sockets.loop_turns import LoopTurns, loop_turns

pytestmark = pytest.mark.stack("embedded")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> KnownAddresses:
    """The addresses of users, none so far."""
    addresses = KnownAddresses()
    monkeypatch.setattr(loop_turns_module, "known_addresses", lambda: addresses)
    return addresses


async def test_one_is_answered_in_each_turn() -> None:
    turns = LoopTurns(asyncio.get_running_loop())
    answered: list[int] = []
    taken = [turns.take("a", lambda number=number: answered.append(number)) for number in range(4)]  # type: ignore[misc]  # a default binds it
    assert (taken, answered) == ([True, False, False, False], [0])
    for count in range(2, 5):
        await asyncio.sleep(0)
        assert answered == list(range(count))
    await asyncio.sleep(0)
    assert turns.take("a", lambda: answered.append(9))
    assert answered[-1] == 9


async def test_addresses_take_turns() -> None:
    turns = LoopTurns(asyncio.get_running_loop())
    answered: list[str] = []
    for key in ["a"] * 4 + ["b"] * 2 + ["c"]:
        turns.take(key, lambda key=key: answered.append(key))  # type: ignore[misc]  # a default binds it
    for _ in range(8):
        await asyncio.sleep(0)
    assert answered == ["a", "b", "c", "a", "b", "a", "a"]


async def test_who_is_not_limited_takes_no_turn() -> None:
    turns = LoopTurns(asyncio.get_running_loop())
    answered: list[str] = []
    turns.take("a", lambda: answered.append("a"))
    turns.take("a", lambda: answered.append("later"))
    assert turns.take(None, lambda: answered.append("monitoring"))
    assert answered == ["a", "monitoring"]


async def test_an_answer_that_fails_stops_nobody() -> None:
    loop = asyncio.get_running_loop()
    errors: list[object] = []
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    turns = LoopTurns(loop)
    answered: list[str] = []

    def fail() -> None:
        raise KeyError

    turns.take("a", lambda: answered.append("first"))
    turns.take("a", fail)
    turns.take("a", lambda: answered.append("third"))
    for _ in range(4):
        await asyncio.sleep(0)
    assert answered == ["first", "third"]
    assert len(errors) == 1


async def test_each_loop_has_its_own() -> None:
    loop = asyncio.get_running_loop()
    assert loop_turns(loop) is loop_turns(loop)


async def test_who_has_waited_for_nothing_comes_before_those_who_go_on_waiting() -> None:
    turns = LoopTurns(asyncio.get_running_loop())
    opened: list[str] = []

    def take(*keys: str) -> None:
        for key in keys:
            turns.take(key, lambda key=key: opened.append(key))  # type: ignore[misc]  # a default binds it

    take("a", "a", "b", "a", "b")
    for _ in range(2):
        await asyncio.sleep(0)
    assert opened == ["a", "b", "a"]
    take("c", "c", "b")
    for _ in range(5):
        await asyncio.sleep(0)
    assert opened == ["a", "b", "a", "c", "b", "a", "c", "b"]


async def test_users_come_before_strangers(known: KnownAddresses) -> None:
    turns = LoopTurns(asyncio.get_running_loop())
    done: list[str] = []
    known.note("user")
    for key in ("a", "a", "b", "user", "user", "c"):
        turns.take(key, lambda key=key: done.append(key))  # type: ignore[misc]  # a default binds it
    for _ in range(5):
        await asyncio.sleep(0)
    # With the first piece that they ask for.
    assert done == ["a", "user", "b", "c", "a", "user"]


def test_users_who_have_not_come_for_longest_are_forgotten() -> None:
    addresses = KnownAddresses(2)
    for key in ("a", "b", "a", None, "c"):
        addresses.note(key)
    assert [key in addresses for key in "abc"] == [True, False, True]


async def test_who_asks_for_more_in_its_own_turn_does_not_stay_the_first() -> None:
    turns = LoopTurns(asyncio.get_running_loop())
    done: list[str] = []

    def endless() -> None:
        done.append("a")
        turns.take("a", endless)

    turns.take("a", endless)
    for key in "bcb":
        turns.take(key, lambda key=key: done.append(key))  # type: ignore[misc]  # a default binds it
    for _ in range(6):
        await asyncio.sleep(0)
    assert done == ["a", "b", "c", "a", "b", "a", "a"]


async def test_threads_at_work_go_on_after_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    threads = ComputingThreads(sleep=lambda _: done.append("pause"))
    monkeypatch.setattr(loop_turns_module, "computing_threads", lambda: threads)
    turns = LoopTurns(asyncio.get_running_loop())
    turns.take("a", lambda: done.append("while nothing is at work"))
    await asyncio.sleep(0)
    threads.begin("a thread")
    for _ in range(2):
        turns.take("a", lambda: done.append("piece"))
    await asyncio.sleep(0)
    threads.end("a thread")
    await asyncio.sleep(0)
    turns.take("a", lambda: done.append("afterwards"))
    assert done == ["while nothing is at work", "piece", "pause", "piece", "pause", "afterwards"]
