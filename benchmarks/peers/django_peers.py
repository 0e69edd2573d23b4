"""Peers that serve an inbox by Django over HTTP: Strawberry, and Django REST framework."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, ClassVar

from benchmarks.client_protocols import ClientProtocol
from benchmarks.http_messages import request
from benchmarks.operations import LIST, Operation
from benchmarks.peers.http_peer import PagePeer, bearer_protocol
from benchmarks.peers.peer import Missing
from benchmarks.peers.tables_peer import PACKAGE, TablesPeer, django_environment
from tests.stacks.ports import LOOPBACK
from tests.stacks.uvicorn_server import REPOSITORY

THREADS = 8


class DjangoPeer(TablesPeer):
    """One of the projects: its URLs, its server and what it needs."""

    urls: ClassVar[str]
    asgi: ClassVar[str] = "asgi"
    is_async: ClassVar[bool] = False
    needs_redis: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()
    apps: ClassVar[tuple[str, ...]] = ()

    async def serve(self) -> None:
        """Start uvicorn, or gunicorn with threads: its usual workers do not keep connections open."""
        for package in (*self.packages, "uvicorn" if self.is_async else "gunicorn"):
            if importlib.util.find_spec(package) is None:
                raise Missing(f"The Python package {package} is not installed (group bench).")
        environment = django_environment(self.database) | {
            "URLS": f"{PACKAGE}.{self.urls}",
            "APPS": " ".join(self.apps),
            "POOL": "1" if self.is_async else "",
            "REDIS_URL": self.own_redis().url if self.needs_redis else "",
        }
        command = self._uvicorn() if self.is_async else self._gunicorn()
        self.wait_for(
            self.testbed.serve(self.name, [sys.executable, *command], environment, REPOSITORY)
        )

    def _uvicorn(self) -> list[str]:
        where = ["--host", LOOPBACK, "--port", str(self.port), "--log-level", "warning"]
        return ["-m", "uvicorn", *where, f"{PACKAGE}.{self.asgi}:application"]

    def _gunicorn(self) -> list[str]:
        threads = ["--worker-class", "gthread", "--threads", str(THREADS), "--keep-alive", "60"]
        where = ["--bind", f"{LOOPBACK}:{self.port}", "--log-level", "warning"]
        return ["-m", "gunicorn", *threads, *where, f"{PACKAGE}.wsgi:application"]


class StrawberryAsync(DjangoPeer):
    """Strawberry's AsyncGraphQLView."""

    name = "strawberry-async"
    title = "Strawberry + Django, async view, uvicorn"
    urls = "strawberry_async"
    is_async = True


class StrawberryPages(StrawberryAsync, PagePeer):
    """The same view, beside Strawberry's subscriptions over Channels."""

    name = "strawberry-pages"
    title = "Strawberry + Django + Channels, uvicorn, pub/sub layer"
    asgi = "channels_asgi"
    packages = ("channels_redis",)
    apps = ("channels",)
    needs_redis = True

    def page_protocol(self, user: int, after: str) -> ClientProtocol:
        """Subscribe with the user's token."""
        return bearer_protocol(self, user, after)


class StrawberrySync(DjangoPeer):
    """Strawberry's GraphQLView."""

    name = "strawberry-sync"
    title = "Strawberry + Django, sync view, gunicorn"
    urls = "strawberry_sync"


class StrawberryOptimized(DjangoPeer):
    """strawberry-graphql-django, in the same view."""

    name = "strawberry-django"
    title = "strawberry-graphql-django with its optimizer, gunicorn"
    urls = "strawberry_optimized"
    packages = ("strawberry_django",)
    apps = ("strawberry_django",)


class RESTPeer(DjangoPeer):
    """A server of the list alone, as a resource."""

    def request(self, user: int, operation: Operation) -> bytes:
        """Return the request for a list of that length."""
        assert operation.query == LIST
        path = f"/notifications/?limit={operation.variables['first']}"
        return request("GET", self.host, path, token=self.tokens[user])

    def data(self, value: Any) -> Any:
        """Return the list as GraphQL names it."""
        nodes = [{**row, "createdAt": row["created_at"]} for row in value["results"]]
        counts = {"totalCount": value["count"], "unreadCount": value["unread"]}
        return {"notifications": {**counts, "nodes": nodes}}


class DjangoRESTFramework(RESTPeer):
    """Django REST framework."""

    name = "drf"
    title = "Django REST framework, gunicorn"
    urls = "rest"
    packages = ("rest_framework", "rest_framework_simplejwt")
    apps = ("rest_framework",)


class DjangoNinja(RESTPeer):
    """django-ninja."""

    name = "django-ninja"
    title = "django-ninja, gunicorn"
    urls = "ninja_api"
    packages = ("ninja",)
