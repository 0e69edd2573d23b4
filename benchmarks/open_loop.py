"""Requests at a steady rate, whatever is answered (an open loop): each is late from the moment at which it was due."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.http_messages import Answer
from benchmarks.operations import Wrong
from benchmarks.peers.peer import Peer
from benchmarks.request_loop import SILENCE_SECONDS, Connection

TICK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Job:
    """A request of some kind, and what raises Wrong if its answer is not the right one."""

    kind: str
    request: bytes
    check: Callable[[Answer], None]


class JobConnection(Connection):
    """One connection that stays open, and takes a job when it has none."""

    def __init__(self, requests: OpenLoop) -> None:
        super().__init__(iter(()), [])
        self._requests = requests
        self._job: Job | None = None
        self._due = 0.0

    def do(self, job: Job, due: float) -> None:
        """Ask."""
        assert self._transport is not None
        self._job, self._due = job, due
        self._transport.write(job.request)

    def _take(self, answer: Answer) -> None:
        job, self._job = self._job, None
        try:
            if job is None:
                raise Wrong(f"An answer to nothing: {answer.body[:200]!r}")
            job.check(answer)
        except (Wrong, ValueError, LookupError, TypeError) as error:
            self._end(error)
        else:
            self._requests.answered(self, job.kind, time.perf_counter() - self._due)


class OpenLoop:
    """Connections that share what is due. What is due while all of them wait for answers waits as well."""

    def __init__(self, peer: Peer, connections: int) -> None:
        self._peer = peer
        self._connections = [JobConnection(self) for _ in range(connections)]
        self._free = list(self._connections)
        self._waiting: deque[tuple[Job, float]] = deque()
        self._outstanding = 0
        self.latencies: dict[str, list[float]] = {}

    async def open(self) -> None:
        """Connect."""
        loop = asyncio.get_running_loop()
        for connection in self._connections:
            await loop.create_connection(lambda made=connection: made, *self._peer.address)  # type: ignore[misc]

    async def run(self, make: Callable[[float], Job], *, rate: float, seconds: float) -> None:
        """Ask so many times a second, and return when all is answered. Raise Wrong if an answer is not right.

        `make` is called when a job is due, with that moment. How late the answers were is in `latencies`, by kind.
        """
        self.latencies = {}
        begin, due = time.perf_counter(), 0
        while due < rate * seconds:
            now = time.perf_counter()
            while begin + due / rate <= now and due < rate * seconds:
                moment = begin + due / rate
                self._submit(make(moment), moment)
                due += 1
            self._raise_failures()
            await asyncio.sleep(TICK_SECONDS)
        deadline = time.perf_counter() + SILENCE_SECONDS
        # Asked now and then: an event would cost something at every answer.
        while self._outstanding:
            self._raise_failures()
            if time.perf_counter() > deadline:
                raise Wrong(f"{self._outstanding} requests were not answered.")
            await asyncio.sleep(TICK_SECONDS)

    def answered(self, connection: JobConnection, kind: str, seconds: float) -> None:
        """Keep how late an answer was, and go on with what waits."""
        self.latencies.setdefault(kind, []).append(seconds)
        self._outstanding -= 1
        if self._waiting:
            connection.do(*self._waiting.popleft())
        else:
            self._free.append(connection)

    def close(self) -> None:
        """Break the connections."""
        for connection in self._connections:
            connection.close()

    def _submit(self, job: Job, due: float) -> None:
        self._outstanding += 1
        if self._free:
            self._free.pop().do(job, due)
        else:
            self._waiting.append((job, due))

    def _raise_failures(self) -> None:
        for connection in self._connections:
            if connection.ended.done():
                connection.ended.result()
