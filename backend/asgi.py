"""The product, put together: the hub, both socket doors and Django, as one ASGI application."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# What follows needs Django's app registry, which get_asgi_application has filled.
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import re_path

from backend.checks import refuse_unsafe_settings
from backend.config import Config, config
from backend.delivery.hub import ChannelLayer, Hub, HubRules
from backend.identity.callers import open_sessions
from backend.legacy.consumer import NotificationConsumer
from backend.lifespan import Application, Lifespan, Receive, Scope, Send
from backend.notifications.apps import doorbell
from backend.notifications.events import Event, decode
from backend.notifications.feed import Feed
from backend.notifications.housekeeping import Housekeeper, chores
from backend.notifications.log import DatabaseLog
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


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Close a socket at an address where there is no door; the client sees HTTP 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4404})


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
            yield
            await housekeeper.stop()
        await sessions.stop()
        await hub.stop()

    graphql: Any = GraphQLConsumer.as_asgi(schema=schema, feed=feed, sessions=sessions)
    legacy: Any = NotificationConsumer(feed=feed, sessions=sessions)
    sockets = URLRouter(
        [
            re_path(r"^graphql/?$", graphql),
            re_path(r"^ws/notifications/?$", legacy),
            re_path(r"", cast("Any", refuse_socket)),
        ]
    )
    doors = ProtocolTypeRouter({"http": django_application, "websocket": sockets})
    return Lifespan(with_static_files(cast("Application", doors)), running)


application = build()
