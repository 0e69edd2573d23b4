"""The floor of what an ASGI server costs."""

from __future__ import annotations

import sys

from benchmarks.inboxes import Filled, Inboxes
from benchmarks.peers.http_peer import HTTPPeer
from benchmarks.peers.tokens import issue
from tests.stacks.ports import LOOPBACK
from tests.stacks.uvicorn_server import REPOSITORY

APPLICATION = "benchmarks.peers.floor_app:application"


class Floor(HTTPPeer):
    """A bare ASGI application: no GraphQL, no token, no database."""

    name = "asgi-floor"
    title = "bare ASGI application, uvicorn: a constant answer"

    async def start_with(self, inboxes: Inboxes) -> None:
        """Start uvicorn; there are no inboxes."""
        numbers = tuple(range(1, len(inboxes.sizes) + 1))
        self.filled = Filled(numbers, numbers)
        # They are read as part of the request, and not looked at.
        self.tokens = [issue(user) for user in numbers]
        where = ["--host", LOOPBACK, "--port", str(self.port), "--log-level", "warning"]
        command = [sys.executable, "-m", "uvicorn", *where, "--lifespan", "off"]
        environment = {"PYTHONPATH": str(REPOSITORY)}
        self.wait_for(
            self.testbed.serve(self.name, [*command, APPLICATION], environment, REPOSITORY)
        )
