"""The two servers: a Strawberry subscription on a channel layer, and a plain JSON consumer."""

from __future__ import annotations

import gc
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.channels_app.settings")
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import re_path  # noqa: E402
from strawberry.channels import GraphQLWSConsumer  # noqa: E402

from benchmarks.peers.channels_app.json_consumer import InboxConsumer  # noqa: E402
from benchmarks.peers.channels_app.schema import schema  # noqa: E402

if os.environ.get("GC_THRESHOLD"):
    gc.set_threshold(int(os.environ["GC_THRESHOLD"]), 50, 50)

# Django's types know of views only.
graphql: Any = GraphQLWSConsumer.as_asgi(schema=schema)
inbox: Any = InboxConsumer.as_asgi()
routes = [re_path(r"^graphql/", graphql), re_path(r"^ws/(?P<user>\d+)/", inbox)]
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter(routes)})
