"""What load balancers and the one on call ask: alive, ready, metrics."""

from __future__ import annotations

import asyncio
import hmac

from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from live_inbox.conf import inbox_settings
from live_inbox.database_threads import in_database_thread
from live_inbox.models import Inbox

DATABASE_SECONDS = 2.0


async def alive(request: HttpRequest) -> HttpResponse:
    """Answer that the event loop turns. Asks nobody else: a restart would not mend a database."""
    return JsonResponse({"status": "alive"})


async def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether this process can serve: 200, or 503 while the database does not answer.

    Redis does not count: without it events arrive by the watch.
    """
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await in_database_thread(_ask_database)
    except Exception as error:
        return JsonResponse({"status": "unavailable", "database": type(error).__name__}, status=503)
    return JsonResponse({"status": "ready", "database": "ok"})


def _ask_database() -> None:
    # A table of ours, so that a database that was never migrated does not count as ready.
    Inbox.objects.exists()


async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the process's metrics, to this machine or with METRICS_TOKEN."""
    if not _may_read_metrics(request):
        return HttpResponse("Metrics need METRICS_TOKEN.\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = inbox_settings().metrics_token
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    # Behind a proxy every request comes from this machine.
    return not inbox_settings().behind_proxy and request.META.get("REMOTE_ADDR") in (
        "127.0.0.1",
        "::1",
    )
