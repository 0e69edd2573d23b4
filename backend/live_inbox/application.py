"""The inbox of one server process: the hub, everything that lives as long as the hub, and the sockets of both APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from live_inbox.apps import channel_layer, doorbell
from live_inbox.checks import refuse_invalid_settings
from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.database_log import DatabaseLog
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.events import Event, decode
from live_inbox.feed import Feed
from live_inbox.identity.callers import build_admissions
from live_inbox.json_api.consumer import NotificationConsumer
from live_inbox.lifespan import Lifespan
from live_inbox.maintenance.housekeeping import Housekeeper, jobs
from live_inbox.socket_router import SocketRouter
from live_inbox.sockets.asgi import Application
from live_inbox_graphql.consumer import GraphQLConsumer
from live_inbox_graphql.schema import schema


def hub_config(settings: InboxSettings) -> HubConfig:
    """Return the hub's limits as this process is configured."""
    return HubConfig(
        run_length=settings.live_events,
        reconcile_seconds=settings.reconcile_seconds,
        linger_seconds=settings.linger_seconds,
    )


def build_application(
    http: Application, *, on_started: Callable[[], None] | None = None
) -> Application:
    """Return the application described in `live_inbox.asgi.mount`, with a hub of its own."""
    refuse_invalid_settings()
    hub: Hub[Event] = Hub(
        DatabaseLog(),
        layer=channel_layer(),
        decode=decode,
        own_doorbell=doorbell().name,
        config=hub_config(inbox_settings()),
    )
    feed = Feed(hub)
    admissions = build_admissions()
    housekeeper = Housekeeper(jobs(inbox_settings()))

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        await hub.start()
        admissions.start()
        async with doorbell().attached(hub.on_message):
            housekeeper.start()
            if on_started is not None:
                on_started()
            yield
            await housekeeper.stop()
        await admissions.stop()
        await hub.stop()

    apis: dict[str, Application] = {
        "graphql": GraphQLConsumer(schema, feed, admissions),
        "ws/notifications": NotificationConsumer(feed=feed, admissions=admissions),
    }
    return Lifespan(SocketRouter(http, apis), running)
