"""What the peers share that are not the product: the same tables, in a database that a script of Django fills."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from abc import abstractmethod
from functools import partial
from pathlib import Path
from uuid import uuid4

from benchmarks.inboxes import Filled, Inboxes
from benchmarks.peers.http_peer import HTTPPeer
from benchmarks.peers.tokens import issue
from benchmarks.processes import cpu_seconds
from tests.stacks.uvicorn_server import REPOSITORY

PACKAGE = "benchmarks.peers.inbox_app"
FILLING = Path(__file__).parent / "inbox_app" / "filling.py"


class TablesPeer(HTTPPeer):
    """A server on the tables of the peers in PostgreSQL. All of these share what requests do not change."""

    database: str
    _is_own = False

    async def start_with(self, inboxes: Inboxes) -> None:
        """Fill the tables, unless another peer has, and serve."""
        key = ("peers", inboxes)
        self.database, self.filled = await self.testbed.filled(key, partial(self._fill, inboxes))
        self._is_own = inboxes.is_written
        if self._is_own:
            # A peer that could not be stopped in time may have left its own.
            cluster, copy = self.testbed.postgres(), f"{name_in(self.database)}_{uuid4().hex}"
            self.database = cluster.create_database(copy, template=name_in(self.database))
        self.tokens = [issue(user) for user in self.filled.users]
        await self.serve()

    @abstractmethod
    async def serve(self) -> None:
        """Start the server. Raise Missing if this machine cannot run it."""

    async def _fill(self, inboxes: Inboxes) -> tuple[str, Filled]:
        database = self.testbed.postgres().create_database(f"peers{abs(hash(inboxes))}")
        request = json.dumps({"sizes": inboxes.sizes, "unread": inboxes.unread})
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(FILLING), request),
            cwd=REPOSITORY,
            env=django_environment(database),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{FILLING.name} ended with {process.returncode}.")
        made = json.loads(out)
        return database, Filled(tuple(made["users"]), tuple(made["first_ids"]))

    def apart(self) -> dict[str, float]:
        """Return the processor time of PostgreSQL, and of Redis if there is one."""
        return {**super().apart(), "postgres": cpu_seconds([self.testbed.postgres().child.pid])}

    async def stop(self) -> None:
        """End the server, and remove what was written."""
        await super().stop()
        if self._is_own:
            self.testbed.postgres().drop_database(name_in(self.database))
            self._is_own = False


def django_environment(database: str) -> dict[str, str]:
    """Return the environment of a process of the project."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": f"{PACKAGE}.settings",
    }


def name_in(url: str) -> str:
    """Return the name of the database in an address."""
    return url.rsplit("/", 1)[1]
