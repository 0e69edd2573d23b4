"""Peers on Node that serve an inbox over HTTP: GraphQL Yoga, and Mercurius."""

from __future__ import annotations

import os
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from benchmarks.peers.node_peers import DIRECTORY, node
from benchmarks.peers.tables_peer import TablesPeer
from benchmarks.peers.tokens import SECRET


class NodeInboxPeer(TablesPeer):
    """One script, one process."""

    script: ClassVar[str]

    async def serve(self) -> None:
        """Start the script."""
        program = node()
        address = urlsplit(self.database)
        assert address.username is not None
        environment = {
            "PATH": os.environ["PATH"],
            "NODE_ENV": "production",
            "PORT": str(self.port),
            "SECRET": SECRET,
            "PGHOST": unquote(address.netloc.rpartition("@")[2]),
            "PGUSER": address.username,
            "PGDATABASE": address.path.lstrip("/"),
        }
        command = [str(program), self.script]
        self.wait_for(self.testbed.serve(self.name, command, environment, DIRECTORY))


class YogaInbox(NodeInboxPeer):
    """GraphQL Yoga with pg."""

    name = "yoga-inbox"
    title = "Node: GraphQL Yoga + pg"
    script = "yoga-inbox.mjs"


class Mercurius(NodeInboxPeer):
    """Mercurius with its compiler and pg."""

    name = "mercurius"
    title = "Node: Mercurius with JIT + pg"
    script = "mercurius.mjs"
