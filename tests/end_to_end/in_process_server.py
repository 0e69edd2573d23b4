"""A server of both APIs in the test's own event loop, and a way to fill its inboxes quickly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from channels.layers import get_channel_layer
from django.db import connection, transaction
from django.utils import timezone

from live_inbox.apps import doorbell
from live_inbox.database_log import DatabaseLog
from live_inbox.delivery.hub import ChannelLayer, HubConfig
from live_inbox.events import Event, Kind, Snapshot, decode
from live_inbox.feed import Feed
from live_inbox.identity.admissions import Admissions
from live_inbox.identity.callers import build_admissions
from live_inbox.json_api.consumer import NotificationConsumer
from live_inbox.models import Inbox
from live_inbox.services.event_recording import record
from live_inbox_graphql.consumer import GraphQLConsumer
from tests.graphql.own_schema import schema
from tests.sockets.socket_server import OUR_CLASS
from tests.waiting import until
from tests.watched_hub import WatchedHub

CHUNK = 200


@dataclass
class InProcessServer:
    """The parts of a server that a test looks into."""

    hub: WatchedHub
    admissions: Admissions
    server: uvicorn.Server

    @property
    def port(self) -> int:
        """The port that the system has chosen."""
        port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def subscribers(self) -> int:
        """How many subscriptions are live."""
        return self.hub.places

    @property
    def members(self) -> set[str]:
        """The inboxes in whose groups the hub is."""
        groups = self.hub._groups
        return set() if groups is None else groups._members


@asynccontextmanager
async def in_process_server(
    socket_class: str = OUR_CLASS, *, http_class: str = "auto", linger_seconds: float = 10.0
) -> AsyncIterator[InProcessServer]:
    """Serve both APIs while in the block."""
    hub = WatchedHub(
        DatabaseLog(),
        layer=cast("ChannelLayer | None", get_channel_layer()),
        decode=decode,
        own_doorbell=doorbell().name,
        config=HubConfig(reconcile_seconds=0.2, linger_seconds=linger_seconds),
    )
    admissions = build_admissions()
    protocols: dict[str, Any] = {
        "/graphql/": GraphQLConsumer(schema, Feed(hub), admissions),
        "/ws/notifications/": NotificationConsumer(feed=Feed(hub), admissions=admissions),
    }

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await protocols[scope["path"]](scope, receive, send)

    settings = uvicorn.Config(
        application,
        port=0,
        http=http_class,
        ws=socket_class,
        lifespan="off",
        log_config=None,
        ws_per_message_deflate=False,
        # These clients do not answer pings, and a busy machine may make a test longer than the ping's time-out.
        ws_ping_interval=3600,
    )
    settings.load()
    server = uvicorn.Server(settings)
    server.lifespan = settings.lifespan_class(settings)
    await server.startup()
    await hub.start()
    running = InProcessServer(hub, admissions, server)
    try:
        async with doorbell().attached(hub.on_message):
            yield running
            for socket in tuple(server.server_state.connections):
                socket.transport.abort()
            await until(lambda: not server.server_state.tasks)
    finally:
        for listener in server.servers:
            listener.close()
        await hub.stop()


def write_events(user_id: int, count: int, *, message: str) -> None:
    """Commit so many events of an inbox, as fast as the database takes them; titles are their sequences."""
    for start in range(0, count, CHUNK):
        with transaction.atomic():
            inbox, _ = Inbox.objects.select_for_update().get_or_create(user_id=user_id)
            first = inbox.last_sequence + 1
            numbers = range(first, first + min(CHUNK, count - start))
            inbox.last_sequence = numbers[-1]
            inbox.save()
            record([_added(inbox, number, message) for number in numbers])
    connection.close()


def _added(inbox: Inbox, sequence: int, message: str) -> Event:
    now = timezone.now()
    snapshot = Snapshot(
        sequence, "general", str(sequence), message, "", {}, now, read_at=None, sender=None
    )
    return Event(
        inbox=str(inbox.pk),
        epoch=inbox.epoch,
        sequence=sequence,
        kind=Kind.ADDED,
        occurred_at=now,
        unread_count=0,
        total_count=0,
        notification=snapshot,
        notification_id=sequence,
    )
