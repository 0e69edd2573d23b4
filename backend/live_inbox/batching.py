"""Batching: many requests of the event loop, answered by a few calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Question = TypeVar("Question")
Answer = TypeVar("Answer")
AnswerAll = Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]


SLOW_CALL_SECONDS = 1.0
"""How long a call may take before the next no longer waits for it."""


class Batcher(Generic[Question, Answer]):
    """Answers questions together if they come together.

    While a call is under way, further questions are queued; the next call answers them, in the order they came and
    at most `most` at a time. Without a call under way, a question is answered at once, together with those of the
    same turn of the loop. After a large call there is a pause, so that more questions are batched. A call that fails
    fails the questions that were in it and no others.

    `answer_all` returns an answer for each question, in their order. Each event loop has its own queue. `pause` gives
    the seconds of the pause after a call for these questions. The next call does not wait for one that takes longer
    than `slow_seconds`, by default SLOW_CALL_SECONDS.
    """

    def __init__(
        self,
        answer_all: AnswerAll[Question, Answer],
        *,
        most: int,
        pause: Callable[[Sequence[Question]], float] | None = None,
        slow_seconds: float | None = None,
    ) -> None:
        self._answer_all = answer_all
        self._slow_seconds = slow_seconds
        self._most = most
        self._pause = pause or pause_after_burst
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[Question, Answer]] = (
            WeakKeyDictionary()
        )

    async def ask(self, question: Question) -> Answer:
        """Return the answer, or raise what the call for it has raised."""
        loop = asyncio.get_running_loop()
        queue = self._queues.get(loop)
        if queue is None:
            queue = _Queue(self._answer_all, self._most, self._pause, self._slow_seconds)
            self._queues[loop] = queue
        return await queue.put(question, loop)


BURST = 8
"""Questions in one call that are a burst."""

LARGE_BURST = 50
SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
PAUSE_FOR_EACH = 0.004


def pause_after(count: int) -> float:
    """Return for how many seconds to let questions gather after a call for so many; 0 unless they were a burst.

    A large burst is the beginning of a reconnect storm of thousands. The pause for each question is longer than a
    server needs to admit one client, so calls become larger until the pause is the longest.
    """
    if count < BURST:
        return 0.0
    return min(SHORTEST_PAUSE + max(0, count - LARGE_BURST) * PAUSE_FOR_EACH, LONGEST_PAUSE)


def pause_after_burst(questions: Sequence[object]) -> float:
    """Return the pause after a call for these questions, all of which count."""
    return pause_after(len(questions))


def no_pause(questions: Sequence[object]) -> float:
    """Return 0, whatever was asked: for questions that a pause would only delay."""
    return 0.0


MOST_WORKERS = 3
"""Calls that may be under way at a time, if all but the last are slow."""


class _Queue(Generic[Question, Answer]):
    """The queue of one event loop, with a worker task while it is not empty.

    A call that hangs, because its connection is dead and nobody has noticed, must not hold up the others: then there
    is a second worker, and a third.
    """

    def __init__(
        self,
        answer_all: AnswerAll[Question, Answer],
        most: int,
        pause: Callable[[Sequence[Question]], float],
        slow_seconds: float | None,
    ) -> None:
        self._answer_all = answer_all
        self._slow_seconds = slow_seconds
        self._most = most
        self._pause = pause
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        # When each worker began its present call.
        self._workers: dict[asyncio.Task[None], float] = {}

    def put(self, question: Question, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Return the future answer. A question whose future is cancelled before the call is not in the call."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, answer))
        if self._needs_worker(loop.time()):
            # In a context of its own: the call is not that of the first who asks.
            worker = loop.create_task(self._work(loop), context=Context())
            self._workers[worker] = loop.time()
        return answer

    def _needs_worker(self, now: float) -> bool:
        slow = SLOW_CALL_SECONDS if self._slow_seconds is None else self._slow_seconds
        return len(self._workers) < MOST_WORKERS and all(
            now - since > slow for since in self._workers.values()
        )

    async def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        worker = asyncio.current_task()
        assert worker is not None
        try:
            while batch := self._next():
                self._workers[worker] = loop.time()
                await self._answer(batch)
                if len(self._waiting) < self._most and (
                    pause := self._pause([question for question, _ in batch])
                ):
                    await asyncio.sleep(pause)
        finally:
            del self._workers[worker]
            # Questions are left only if the worker was cancelled, as it is at the end of its loop.
            while self._waiting and not self._workers:
                self._waiting.popleft()[1].cancel()

    def _next(self) -> list[tuple[Question, asyncio.Future[Answer]]]:
        batch: list[tuple[Question, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._most:
            question = self._waiting.popleft()
            if not question[1].done():
                batch.append(question)
        return batch

    async def _answer(self, batch: Sequence[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answer_all([question for question, _ in batch])
            for (_, future), answer in tuple(zip(batch, answers, strict=True)):
                if not future.done():
                    future.set_result(answer)
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
