"""Peers on Django Channels: Strawberry's subscriptions as documented, and a plain JSON consumer."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

from django.utils.module_loading import import_string

from benchmarks.client_protocols import ClientProtocol, GraphQLClientProtocol
from benchmarks.content import event
from benchmarks.peers.peer import Missing, SocketPeer
from benchmarks.publishing import Publisher, RedisPublisher, Writer, resp
from tests.stacks.ports import LOOPBACK
from tests.stacks.uvicorn_server import REPOSITORY

APPLICATION = "benchmarks.peers.channels_app.asgi:application"
SENDER = Path(__file__).parent / "channels_app" / "group_sender.py"
CORE = "channels_redis.core.RedisChannelLayer"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"


class ChannelsPeer(SocketPeer):
    """A server on a channel layer."""

    layer: ClassVar[str] = CORE
    server: ClassVar[str] = "uvicorn"
    gc_threshold: ClassVar[int] = 0

    async def start(self) -> None:
        """Start uvicorn, or daphne."""
        for package in (self.server, "channels_redis"):
            if importlib.util.find_spec(package) is None:
                raise Missing(f"The Python package {package} is not installed (group bench).")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "REDIS_URL": self.own_redis().url,
            "LAYER": self.layer,
            "GC_THRESHOLD": str(self.gc_threshold or ""),
        }
        where = {
            "uvicorn": ["--host", LOOPBACK, "--port", str(self.port), "--log-level", "warning"],
            "daphne": ["-b", LOOPBACK, "-p", str(self.port), "-v", "0"],
        }[self.server]
        command = [sys.executable, "-m", self.server, *where, APPLICATION]
        self.wait_for(self.testbed.serve(self.name, command, self.environment, REPOSITORY))

    def client_protocol(self, stream: int) -> ClientProtocol:
        """Subscribe to one user's events; the peer does not authenticate clients."""
        return GraphQLClientProtocol("/graphql/", {"user": str(stream)})

    async def publisher(self, *, prerecord: int) -> Publisher:
        """Call `group_send`; with the pub/sub layer, publish its bytes where that would be too slow."""
        assert self.redis is not None
        if prerecord and self.layer == PUBSUB:
            layer: Any = import_string(PUBSUB)(hosts=[self.redis.url])
            return await RedisPublisher.connect(self.redis.url, _encoder(layer))
        return await Writer.start(SENDER, self.environment, REPOSITORY)


def _encoder(layer: Any) -> Any:
    """Return what writes the command that the layer's `group_send` sends in the end."""

    def encode(stream: int, sequence: int) -> bytes:
        message = {"type": "inbox.event", "event": event(sequence)}
        channel = f"{layer.prefix}__group__user.{stream}".encode()
        return resp(b"PUBLISH", channel, layer.serialize(message))

    return encode


class StrawberryDaphne(ChannelsPeer):
    """As in the documentation of Strawberry and of Channels."""

    name = "strawberry-daphne"
    title = "Strawberry + Channels, daphne"
    server = "daphne"


class StrawberryUvicorn(ChannelsPeer):
    """The same on uvicorn."""

    name = "strawberry-uvicorn"
    title = "Strawberry + Channels, uvicorn"


class StrawberryPubSub(ChannelsPeer):
    """The same with the other channel layer of the same package."""

    name = "strawberry-pubsub"
    title = "Strawberry + Channels, uvicorn, pub/sub layer"
    layer = PUBSUB


class StrawberryTuned(ChannelsPeer):
    """The best that was found without writing code: the pub/sub layer, and a lazier garbage collector."""

    name = "strawberry-tuned"
    title = "Strawberry + Channels, uvicorn, pub/sub layer, gc tuned"
    layer = PUBSUB
    gc_threshold = 200_000


class ChannelsJSON(ChannelsPeer):
    """A plain JSON consumer: no GraphQL."""

    name = "channels-json"
    title = "plain Channels JSON consumer, uvicorn"

    def client_protocol(self, stream: int) -> ClientProtocol:
        """Open one user's socket."""
        return ClientProtocol(f"/ws/{stream}/")


class ChannelsJSONPubSub(ChannelsJSON):
    """The same with the other channel layer."""

    name = "channels-json-pubsub"
    title = "plain Channels JSON consumer, uvicorn, pub/sub layer"
    layer = PUBSUB
