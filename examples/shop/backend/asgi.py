"""The shop's ASGI application: Django, the sockets of the inbox, and the shop's own socket."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.urls import path

from live_inbox.asgi import mount

http = get_asgi_application()
if settings.DEBUG:
    # As `runserver` does. In production, static files are the web server's.
    http = ASGIStaticFilesHandler(http)

# These import models, so Django comes first.
from backend.orders.consumers import OrderBoardConsumer

sockets = AuthMiddlewareStack(URLRouter([path("ws/orders/", OrderBoardConsumer.as_asgi())]))
application = mount(http, websocket=sockets)
