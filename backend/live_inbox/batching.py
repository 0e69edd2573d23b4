"""Many questions of the event loop, answered in a few calls."""

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


class Batcher(Generic[Question, Answer]):
    """Answers questions together if they come together.

    While one call is under way, further questions gather; the next call answers them, in the order they came and
    at most `most` at a time. A question that finds the desk idle is asked at once, together with those of the same
    turn of the loop. Only in a rush, after a call that was for many, is there a pause for others to come. A call
    that fails fails those who were in it and nobody else.

    `answer_all` returns an answer for each question, in their order. Each event loop has its own queue.
    """

    def __init__(self, answer_all: AnswerAll[Question, Answer], *, most: int) -> None:
        self._answer_all = answer_all
        self._most = most
        self._counters: WeakKeyDictionary[asyncio.AbstractEventLoop, _Counter[Question, Answer]] = (
            WeakKeyDictionary()
        )

    async def ask(self, question: Question) -> Answer:
        """Return the answer, or raise what the call that was to give it has raised."""
        loop = asyncio.get_running_loop()
        counter = self._counters.get(loop)
        if counter is None:
            counter = _Counter(self._answer_all, self._most)
            self._counters[loop] = counter
        return await counter.queue(question, loop)


MANY = 8
"""Questions of one call that are a rush."""

CROWD = 50
SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
PAUSE_FOR_EACH = 0.004


def pause_after(count: int) -> float:
    """Return for how many seconds to wait for others after a call for so many; 0 unless they are a rush.

    More than a crowd are a storm: thousands will have come when it is over. Each of those is waited for longer than
    it takes a server to let somebody in, so the calls become larger until the pause is the longest.
    """
    if count < MANY:
        return 0.0
    return min(SHORTEST_PAUSE + max(0, count - CROWD) * PAUSE_FOR_EACH, LONGEST_PAUSE)


PATIENCE_SECONDS = 1.0
"""How long a call may take before the next does not wait for it any more."""

MOST_CLERKS = 3
"""Calls that may be under way at a time, if all but the last have taken too long."""


class _Counter(Generic[Question, Answer]):
    """The desk in one event loop: a queue, and a clerk for as long as somebody stands in it.

    A call that hangs, because its connection is dead and nobody has noticed, must not hold up everybody: then
    there is a second clerk, and a third.
    """

    def __init__(self, answer_all: AnswerAll[Question, Answer], most: int) -> None:
        self._answer_all = answer_all
        self._most = most
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        # Since when each is busy with the same call.
        self._clerks: dict[asyncio.Task[None], float] = {}

    def queue(self, question: Question, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Answer]:
        """Return the future answer; who cancels it before the call is not in the call."""
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((question, answer))
        if self._is_understaffed(loop.time()):
            # In a context of its own: the call is not that of whoever came first.
            clerk = loop.create_task(self._serve(loop), context=Context())
            self._clerks[clerk] = loop.time()
        return answer

    def _is_understaffed(self, now: float) -> bool:
        return len(self._clerks) < MOST_CLERKS and all(
            now - since > PATIENCE_SECONDS for since in self._clerks.values()
        )

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        clerk = asyncio.current_task()
        assert clerk is not None
        try:
            while batch := self._next():
                self._clerks[clerk] = loop.time()
                await self._answer(batch)
                if len(self._waiting) < self._most and (pause := pause_after(len(batch))):
                    await asyncio.sleep(pause)
        finally:
            del self._clerks[clerk]
            # Somebody is left only if the clerk was stopped, as it is at the end of its loop.
            while self._waiting and not self._clerks:
                self._waiting.popleft()[1].cancel()

    def _next(self) -> list[tuple[Question, asyncio.Future[Answer]]]:
        batch: list[tuple[Question, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._most:
            asked = self._waiting.popleft()
            if not asked[1].done():
                batch.append(asked)
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
