"""Peers on Node that serve an inbox over HTTP: GraphQL Yoga, and Mercurius."""

from __future__ import annotations

import os
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from benchmarks.client_protocols import ClientProtocol
from benchmarks.peers.http_peer import PagePeer, bearer_protocol
from benchmarks.peers.node_peers import DIRECTORY, node
from benchmarks.peers.tables_peer import TablesPeer
from benchmarks.peers.tokens import SECRET


class NodeInboxPeer(TablesPeer):
    """One script, one process."""

    script: ClassVar[str]
    needs_redis: ClassVar[bool] = False
    # A request costs half as much after some thousands of them, when all that runs often is compiled.
    warm_up_seconds = 6.0

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
        if self.needs_redis:
            environment["REDIS_URL"] = self.own_redis().url
        command = [str(program), self.script]
        self.wait_for(self.testbed.serve(self.name, command, environment, DIRECTORY))


class YogaInbox(NodeInboxPeer):
    """GraphQL Yoga with pg."""

    name = "yoga-inbox"
    title = "Node: GraphQL Yoga + pg"
    script = "yoga-inbox.mjs"


class YogaPages(NodeInboxPeer, PagePeer):
    """GraphQL Yoga with pg, and subscriptions by graphql-ws."""

    name = "yoga-pages"
    title = "Node: GraphQL Yoga + pg + graphql-ws + ioredis"
    script = "yoga-pages.mjs"
    needs_redis = True

    def page_protocol(self, user: int, after: str) -> ClientProtocol:
        """Subscribe with the user's token."""
        return bearer_protocol(self, user, after)


class Mercurius(NodeInboxPeer):
    """Mercurius with its compiler and pg."""

    name = "mercurius"
    title = "Node: Mercurius with JIT + pg"
    script = "mercurius.mjs"
