"""Answers of this process to the question which sockets a user has open."""

from __future__ import annotations

import asyncio
import os
import socket

from live_inbox import metrics
from live_inbox.database_threads import in_lane
from live_inbox.faults import RecurringFault
from live_inbox.identity.admissions import Admissions
from live_inbox.lanes import Lane
from live_inbox.services.connection_reports import answer, question_in

MAX_ANSWERS = 16
"""Answers that are being written at a time. Further questions are not answered."""


class ConnectionReporter:
    """Writes what the registry of sockets knows of a user. Use it on the event loop only."""

    def __init__(self, admissions: Admissions) -> None:
        self._admissions = admissions
        self._tasks: set[asyncio.Task[None]] = set()
        self._process = f"{socket.gethostname()}:{os.getpid()}"[:200]
        self._fault = RecurringFault("report of open sockets", metrics.SESSION_CHECK_FAULTS)

    def answer(self, account_change: str) -> bool:
        """Begin to answer if an account change is the question; return whether it is."""
        question = question_in(account_change)
        if question is None:
            return False
        if len(self._tasks) < MAX_ANSWERS:
            task = asyncio.get_running_loop().create_task(self._answer(*question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _answer(self, inquiry: str, user_id: str) -> None:
        sockets = self._admissions.sockets_of(user_id)
        try:
            await in_lane(
                Lane.HOUSEKEEPING, answer, inquiry=inquiry, process=self._process, sockets=sockets
            )
        except Exception as error:
            self._fault.report(error)

    async def stop(self) -> None:
        """Cancel what has not been answered."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
