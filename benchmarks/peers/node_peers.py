"""Peers on Node: graphql-ws, GraphQL Yoga and socket.io, each with Redis between its processes."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import orjson

from benchmarks.client_protocols import (
    ClientProtocol,
    GraphQLClientProtocol,
    SocketIOClientProtocol,
)
from benchmarks.content import event
from benchmarks.peers.peer import Missing, SocketPeer
from benchmarks.publishing import Publisher, RedisPublisher, resp
from live_inbox_site.building import NotBuildable, find_node

DIRECTORY = Path(__file__).with_name("node")


@lru_cache(maxsize=1)
def node() -> Path:
    """Return a Node with the packages of the peers, installed as the lockfile has them."""
    try:
        program = find_node()
    except NotBuildable as error:
        raise Missing(str(error)) from None
    if not (DIRECTORY / "node_modules" / ".package-lock.json").exists():
        npm = shutil.which("npm", path=f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        if npm is None:
            raise Missing("The peers on Node need npm.")
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts"], cwd=DIRECTORY, capture_output=True, text=True
        )
        if done.returncode:
            raise Missing(f"npm ci failed: {done.stderr.strip()[-200:]}")
    return program


class NodePeer(SocketPeer):
    """One script, one process; events are published on Redis as JSON."""

    script: ClassVar[str]

    async def start(self) -> None:
        """Start the script."""
        program = node()
        environment = {
            "PATH": os.environ["PATH"],
            "NODE_ENV": "production",
            "PORT": str(self.port),
            "REDIS_URL": self.own_redis().url,
        }
        command = [str(program), self.script]
        self.wait_for(self.testbed.serve(self.name, command, environment, DIRECTORY))

    def client_protocol(self, stream: int) -> ClientProtocol:
        """Subscribe to one user's events; the peer does not authenticate clients."""
        return GraphQLClientProtocol("/graphql/", {"user": str(stream)})

    async def publisher(self, *, prerecord: int) -> Publisher:
        """Publish."""
        assert self.redis is not None
        return await RedisPublisher.connect(self.redis.url, self.encode)

    def encode(self, stream: int, sequence: int) -> bytes:
        """Return the command that publishes an event."""
        return resp(b"PUBLISH", b"user.%d" % stream, orjson.dumps(event(sequence)))


class NodeGraphQLWS(NodePeer):
    """The reference implementation of the protocol."""

    name = "node-graphql-ws"
    title = "Node: graphql-ws + ws + ioredis"
    script = "graphql-ws.mjs"


class NodeYoga(NodePeer):
    """GraphQL Yoga."""

    name = "node-yoga"
    title = "Node: GraphQL Yoga + graphql-ws"
    script = "yoga.mjs"


class SocketIO(NodePeer):
    """socket.io: no GraphQL, one JSON text for all."""

    name = "socketio"
    title = "Node: socket.io + Redis adapter"
    script = "socketio.mjs"

    async def start(self) -> None:
        """Start the script, if we can write as its emitter does."""
        if importlib.util.find_spec("msgpack") is None:
            raise Missing("The Python package msgpack is not installed (group bench).")
        self._pack = importlib.import_module("msgpack").packb
        await super().start()

    def client_protocol(self, stream: int) -> ClientProtocol:
        """Join one user's room."""
        return SocketIOClientProtocol(f"/socket.io/?EIO=4&transport=websocket&user={stream}")

    def encode(self, stream: int, sequence: int) -> bytes:
        """Return what socket.io's own emitter publishes."""
        room = f"user.{stream}"
        packet = {"type": 2, "data": ["notification", event(sequence)], "nsp": "/"}
        options = {"rooms": [room], "except": [], "flags": {}}
        message: bytes = self._pack(["emitter", packet, options])
        return resp(b"PUBLISH", f"socket.io#/#{room}#".encode(), message)
