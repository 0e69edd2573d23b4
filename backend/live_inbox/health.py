"""The endpoints for operators and load balancers: liveness, readiness and metrics."""

from __future__ import annotations

import asyncio
import hmac

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_lane
from live_inbox.lanes import Lane
from live_inbox.models import Inbox

DATABASE_SECONDS = 2.0


@database.non_atomic
async def alive(request: HttpRequest) -> HttpResponse:
    """Liveness: answer 200 if the event loop runs. Checks no dependency: a restart does not repair a database."""
    return JsonResponse({"status": "alive"})


@database.non_atomic
async def ready(request: HttpRequest) -> HttpResponse:
    """Readiness: answer 200, or 503 if the database does not answer within DATABASE_SECONDS (2), or takes no writes.

    Redis is not checked: without it, reconciliation delivers the events.
    """
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await in_lane(Lane.READINESS, _query_database)
    except Exception as error:
        return JsonResponse({"status": "unavailable", "database": type(error).__name__}, status=503)
    return JsonResponse({"status": "ready", "database": "ok"})


def _query_database() -> None:
    # A table of this app, so that a database without migrations does not count as ready.
    database.queryset(Inbox).exists()
    connection = database.connection()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            if cursor.fetchone() == ("on",):
                raise OperationalError("The database is read-only.")


@database.non_atomic
async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with this process's metrics as Prometheus text, for local requests or with METRICS_TOKEN; else 403."""
    if not _may_read_metrics(request):
        return HttpResponse(
            "Reading metrics requires METRICS_TOKEN.\n", status=403, content_type="text/plain"
        )
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = inbox_settings().metrics_token
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # Behind a proxy, every request seems to be local.
    return not inbox_settings().behind_proxy and request.META.get("REMOTE_ADDR") in (
        "127.0.0.1",
        "::1",
    )
