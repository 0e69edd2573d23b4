"""Questions that come together are answered together, and a failure stays with the questions of its call."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine, Sequence
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_inbox.batching import Batcher, pause_after
from tests.delivery.virtual_loop import VirtualLoop

pytestmark = pytest.mark.stack("embedded")


class FakeBackend:
    """Records each call, and answers when the test calls `answer`."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self._open: asyncio.Future[None] | None = None

    async def answer_all(self, questions: Sequence[int]) -> list[str]:
        assert self._open is None, "two calls at a time"
        self.calls.append(list(questions))
        self._open = asyncio.get_running_loop().create_future()
        try:
            await self._open
        finally:
            self._open = None
        return [str(question) for question in questions]

    @property
    def is_busy(self) -> bool:
        return self._open is not None and not self._open.done()

    def answer(self) -> None:
        assert self._open is not None
        self._open.set_result(None)

    def fail(self, error: Exception) -> None:
        assert self._open is not None
        self._open.set_exception(error)


async def at_once(questions: Sequence[int]) -> list[str]:
    return [str(question) for question in questions]


async def settle() -> None:
    """Let the loop run what is ready, and what that makes ready."""
    for _ in range(10):
        await asyncio.sleep(0)


def asking(batcher: Batcher[int, str], *questions: int) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(batcher.ask(question)) for question in questions]


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def batcher(backend: FakeBackend) -> Batcher[int, str]:
    return Batcher(backend.answer_all, most=3)


def test_a_lone_question_is_asked_at_once(backend: FakeBackend, batcher: Batcher[int, str]) -> None:
    async def scenario() -> None:
        (one,) = asking(batcher, 1)
        await settle()
        assert backend.calls == [[1]]
        backend.answer()
        assert await one == "1"

    run(scenario())


def test_questions_gather_while_a_call_is_under_way(
    backend: FakeBackend, batcher: Batcher[int, str]
) -> None:
    async def scenario() -> None:
        first = asking(batcher, 1)
        await settle()
        later = [*asking(batcher, 2), *asking(batcher, 3, 4, 5)]
        await settle()
        assert backend.calls == [[1]]
        for calls in ([[1], [2, 3, 4]], [[1], [2, 3, 4], [5]]):
            backend.answer()
            await settle()
            assert backend.calls == calls
        backend.answer()
        assert await asyncio.gather(*first, *later) == ["1", "2", "3", "4", "5"]

    run(scenario())


def test_a_thousand_questions_at_once_are_a_few_calls() -> None:
    calls = []

    async def answer_all(questions: Sequence[int]) -> list[str]:
        calls.append(len(questions))
        return [str(question) for question in questions]

    async def scenario() -> None:
        batcher = Batcher(answer_all, most=500)
        answers = await asyncio.gather(*(batcher.ask(number) for number in range(1000)))
        assert answers == [str(number) for number in range(1000)]

    run(scenario())
    assert calls == [500, 500]


def test_a_failed_call_fails_the_questions_that_were_in_it(
    backend: FakeBackend, batcher: Batcher[int, str]
) -> None:
    async def scenario() -> None:
        inside = asking(batcher, 1, 2)
        await settle()
        outside = asking(batcher, 3)
        await settle()
        backend.fail(OSError("away"))
        await settle()
        for task in inside:
            with pytest.raises(OSError, match="away"):
                await task
        assert backend.calls == [[1, 2], [3]]
        backend.answer()
        assert await outside[0] == "3"

    run(scenario())


def test_a_cancelled_question_does_not_disturb_the_others(
    backend: FakeBackend, batcher: Batcher[int, str]
) -> None:
    async def scenario() -> None:
        inside = asking(batcher, 1, 2)
        await settle()
        queued = asking(batcher, 3, 4)
        await settle()
        for leaving in (inside[0], queued[0]):
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
        assert backend.is_busy
        backend.answer()
        await settle()
        assert backend.calls == [[1, 2], [4]]
        backend.answer()
        assert [await inside[1], await queued[1]] == ["2", "4"]

    run(scenario())


def test_if_all_that_wait_are_cancelled_there_is_no_further_call(
    backend: FakeBackend, batcher: Batcher[int, str]
) -> None:
    async def scenario() -> None:
        first = asking(batcher, 1)
        await settle()
        (second,) = asking(batcher, 2)
        await settle()
        second.cancel()
        backend.answer()
        assert await first[0] == "1"
        await settle()
        assert backend.calls == [[1]]
        (third,) = asking(batcher, 3)
        await settle()
        backend.answer()
        assert await third == "3"

    run(scenario())


@pytest.mark.parametrize("surplus", [-1, 1])
def test_a_wrong_number_of_answers_leaves_no_question_waiting(surplus: int) -> None:
    async def answer_all(questions: Sequence[int]) -> list[str]:
        return ["answer"] * (len(questions) + surplus)

    async def scenario() -> None:
        batcher = Batcher(answer_all, most=500)
        outcomes = await asyncio.gather(*asking(batcher, 1, 2), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]

    run(scenario())


def test_the_end_of_the_loop_leaves_no_question_waiting(
    backend: FakeBackend, batcher: Batcher[int, str]
) -> None:
    tasks = []

    async def scenario() -> None:
        tasks.extend(asking(batcher, 1))
        await settle()
        tasks.extend(asking(batcher, 2))
        await settle()

    run(scenario())
    assert [task.cancelled() for task in tasks] == [True, True]


def test_a_worker_that_is_stopped_leaves_no_question_waiting(
    backend: FakeBackend, batcher: Batcher[int, str]
) -> None:
    async def scenario() -> None:
        tasks = asking(batcher, 1)
        await settle()
        tasks += asking(batcher, 2)
        await settle()
        (worker,) = asyncio.all_tasks() - {asyncio.current_task(), *tasks}
        worker.cancel()
        await settle()
        assert [task.cancelled() for task in tasks] == [True, True]
        (after,) = asking(batcher, 3)
        await settle()
        backend.answer()
        assert await after == "3"

    asyncio.run(scenario())


def test_one_batcher_serves_loop_after_loop_and_keeps_none_of_them() -> None:
    batcher = Batcher(at_once, most=500)
    loops = []

    async def scenario() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert await asyncio.gather(*asking(batcher, 1, 2)) == ["1", "2"]

    for _ in range(3):
        run(scenario())
    gc.collect()
    assert [loop() for loop in loops] == [None, None, None]


def test_a_call_sees_no_context_of_those_who_ask() -> None:
    asker: ContextVar[str] = ContextVar("asker", default="nobody")
    seen = []

    async def answer_all(questions: Sequence[int]) -> list[str]:
        seen.append(asker.get())
        return await at_once(questions)

    async def scenario() -> None:
        asker.set("alice")
        await Batcher(answer_all, most=500).ask(1)

    run(scenario())
    assert seen == ["nobody"]


# -- any order of things --------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(["ask", "ask", "ask", "answer", "fail", "turn"])
    | st.tuples(st.just("leave"), st.integers(0, 9)),
    max_size=60,
)


async def play(steps: Sequence[Any]) -> None:
    """Do these things in this order, and hold what each asker got against the calls that were made."""
    backend = FakeBackend()
    asked: list[asyncio.Task[str]] = []
    left: set[int] = set()
    batcher = Batcher(backend.answer_all, most=3)
    failed: list[int] = []
    for step in steps:
        if step == "ask":
            asked += asking(batcher, len(asked))
        elif step == "turn":
            await settle()
        elif backend.is_busy and step == "answer":
            backend.answer()
        elif backend.is_busy and step == "fail":
            failed.append(len(backend.calls) - 1)
            backend.fail(OSError("away"))
        elif step[0] == "leave" and step[1] < len(asked) and not asked[step[1]].done():
            asked[step[1]].cancel()
            left.add(step[1])
    await settle()
    while backend.is_busy:
        backend.answer()
        await settle()
    in_calls = [question for call in backend.calls for question in call]
    assert in_calls == sorted(set(in_calls)), "asked twice, or out of order"
    assert all(1 <= len(call) <= 3 for call in backend.calls)
    assert set(range(len(asked))) - set(in_calls) <= left
    unlucky = {question for number in failed for question in backend.calls[number]}
    for question, task in enumerate(asked):
        assert task.done(), "left waiting"
        if task.cancelled():
            assert question in left
        elif question in unlucky:
            assert isinstance(task.exception(), OSError)
        else:
            assert task.result() == str(question)


@given(STEPS)
def test_everybody_gets_their_own_answer_whatever_happens(steps: Sequence[Any]) -> None:
    run(play(steps))


def test_a_call_that_hangs_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_inbox.batching.SLOW_CALL_SECONDS", -1.0)
    calls: list[list[int]] = []
    gone = asyncio.Event()

    async def answer_all(questions: Sequence[int]) -> list[str]:
        calls.append(list(questions))
        if 0 in questions:
            await gone.wait()
        return [str(question) for question in questions]

    async def scenario() -> None:
        batcher = Batcher(answer_all, most=3)
        (hanging,) = asking(batcher, 0)
        await settle()
        assert await batcher.ask(1) == "1"
        assert not hanging.done()
        assert calls == [[0], [1]]
        gone.set()
        assert await hanging == "0"

    run(scenario())


def test_there_are_never_more_than_three_calls_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_inbox.batching.SLOW_CALL_SECONDS", -1.0)
    calls: list[list[int]] = []
    back = asyncio.Event()

    async def answer_all(questions: Sequence[int]) -> list[str]:
        calls.append(list(questions))
        await back.wait()
        return [str(question) for question in questions]

    async def scenario() -> None:
        batcher = Batcher(answer_all, most=3)
        asked = []
        for question in range(6):
            asked += asking(batcher, question)
            await settle()
        assert calls == [[0], [1], [2]]
        back.set()
        assert await asyncio.gather(*asked) == ["0", "1", "2", "3", "4", "5"]
        assert calls[3:] == [[3, 4, 5]]

    run(scenario())


def test_in_a_burst_there_is_a_pause_for_others_to_come() -> None:
    calls: list[int] = []

    async def answer_all(questions: Sequence[int]) -> list[str]:
        calls.append(len(questions))
        return await at_once(questions)

    loop = VirtualLoop()
    batcher = Batcher(answer_all, most=100)

    def ask(*questions: int) -> list[asyncio.Task[str]]:
        tasks = [loop.create_task(batcher.ask(question)) for question in questions]
        loop.settle()
        return tasks

    burst = ask(*range(20))
    assert all(task.done() for task in burst)
    late = [task for question in range(20, 30) for task in ask(question)]
    assert not any(task.done() for task in late)
    assert calls == [20]
    loop.advance(0.049)
    assert calls == [20]
    loop.advance(0.001)
    assert [task.result() for task in late] == [str(question) for question in range(20, 30)]
    assert calls == [20, 10]
    # The burst is over only after a call that was for few.
    loop.advance(0.05)
    (lone,) = ask(99)
    assert lone.result() == "99"
    loop.run_off()


@pytest.mark.parametrize(
    ("count", "pause"),
    [(0, 0), (7, 0), (8, 0.05), (50, 0.05), (75, 0.15), (100, 0.25), (10_000, 0.25)],
)
def test_the_more_there_were_the_longer_the_pause(count: int, pause: float) -> None:
    assert pause_after(count) == pytest.approx(pause)


def test_there_is_no_pause_after_questions_that_are_no_burst() -> None:
    calls: list[int] = []

    async def answer_all(questions: Sequence[int]) -> list[str]:
        calls.append(len(questions))
        return await at_once(questions)

    loop = VirtualLoop()
    batcher = Batcher(answer_all, most=100, pause=lambda asked: pause_after(len(set(asked))))
    for _ in range(2):
        tasks = [loop.create_task(batcher.ask(7)) for _ in range(50)]
        loop.settle()
        assert all(task.done() for task in tasks)
    assert calls == [50, 50]
    loop.run_off()


def test_there_is_no_pause_when_there_are_enough_for_a_call(backend: FakeBackend) -> None:
    async def scenario() -> None:
        batcher = Batcher(backend.answer_all, most=10)
        asking(batcher, *range(10))
        await settle()
        later = asking(batcher, *range(10, 20))
        await settle()
        backend.answer()
        await settle()
        assert backend.calls == [list(range(10)), list(range(10, 20))]
        backend.answer()
        await asyncio.gather(*later)

    run(scenario())
