"""The product, put together: the hub, both socket doors and Django, as one ASGI application."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# What follows needs Django's app registry, which get_asgi_application has filled.
from channels.layers import get_channel_layer

from backend import garbage
from backend.checks import refuse_unsafe_settings
from backend.config import Config, config
from backend.delivery.hub import ChannelLayer, Hub, HubRules
from backend.entrance import Entrance
from backend.identity.callers import open_sessions
from backend.legacy.consumer import NotificationConsumer
from backend.lifespan import Lifespan
from backend.notifications.apps import doorbell
from backend.notifications.events import Event, decode
from backend.notifications.feed import Feed
from backend.notifications.housekeeping import Housekeeper, chores
from backend.notifications.log import DatabaseLog
from backend.sockets.asgi import Application
from backend.static_files import with_static_files
from graphql_schema.consumer import GraphQLConsumer
from graphql_schema.schema import schema


def hub_rules(settings: Config) -> HubRules:
    """Return the hub's numbers as this process is configured."""
    return HubRules(
        run_length=settings.live_events,
        watch_seconds=settings.watch_seconds,
        linger_seconds=settings.linger_seconds,
    )


def build() -> Application:
    """Make the application with a hub of its own. Refuses unsafe settings."""
    refuse_unsafe_settings()
    hub: Hub[Event] = Hub(
        DatabaseLog(),
        layer=cast("ChannelLayer | None", get_channel_layer()),
        decode=decode,
        own_doorbell=doorbell().name,
        rules=hub_rules(config()),
    )
    feed = Feed(hub)
    sessions = open_sessions()
    housekeeper = Housekeeper(chores(config()))

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        await hub.start()
        sessions.start()
        async with doorbell().attached(hub.hear):
            housekeeper.start()
            garbage.settle()
            yield
            await housekeeper.stop()
        await sessions.stop()
        await hub.stop()

    doors: dict[str, Application] = {
        "graphql": GraphQLConsumer(schema, feed, sessions),
        "ws/notifications": NotificationConsumer(feed=feed, sessions=sessions),
    }
    http = with_static_files(cast("Application", django_application))
    return Lifespan(Entrance(http, doors), running)


application = build()
