"""The project with sockets: Strawberry's async view over HTTP, and its consumer of Channels for subscriptions."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.inbox_app.settings")
http = get_asgi_application()

import strawberry  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.exceptions import PermissionDenied  # noqa: E402
from django.urls import re_path  # noqa: E402
from strawberry.channels import GraphQLWSConsumer  # noqa: E402
from strawberry.exceptions import ConnectionRejectionError  # noqa: E402
from strawberry.types import Info  # noqa: E402

from benchmarks.peers.channels_app.schema import (  # noqa: E402
    NotificationAdded,
    NotificationEvent,
    Query,
    added,
)
from benchmarks.peers.inbox_app.accounts import bearer  # noqa: E402


@strawberry.type
class Subscription:
    """The events of the caller. There is no log, so nothing can be resumed."""

    @strawberry.subscription
    async def notification_events(
        self, info: Info[Any, Any], after: str | None = None
    ) -> AsyncGenerator[NotificationEvent, None]:
        """Hand on what the group of the user is sent."""
        groups = [f"user.{info.context['user'].pk}"]
        consumer = info.context["ws"]
        async with consumer.listen_to_channel("inbox.event", groups=groups) as listened:
            async for message in listened:
                yield added(message["event"])


class InboxConsumer(GraphQLWSConsumer[Any, Any]):
    """A socket of one user."""

    async def on_ws_connect(self, context: Any) -> Any:
        """Verify the token and read the account, before the acknowledgement."""
        parameters = context["connection_params"] or {}
        try:
            context["user"] = await bearer(parameters.get("Authorization", ""))
        except PermissionDenied:
            raise ConnectionRejectionError from None
        return await super().on_ws_connect(context)


schema = strawberry.Schema(query=Query, subscription=Subscription, types=[NotificationAdded])
sockets: Any = InboxConsumer.as_asgi(schema=schema)
application = ProtocolTypeRouter(
    {"http": http, "websocket": URLRouter([re_path(r"^graphql/", sockets)])}
)
