"""The endpoints for operators and load balancers: liveness, readiness, version and metrics."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST

from live_inbox import database, readiness
from live_inbox.build import build_info
from live_inbox.client_addresses import parse_address
from live_inbox.clock import clock
from live_inbox.clock_monitor import is_wrong
from live_inbox.conf import inbox_settings
from live_inbox.database_check import current_check
from live_inbox.metrics_text import is_shared, metrics_text
from live_inbox.readiness import PartReport
from live_inbox.request_addresses import client_of_request

DATABASE_SECONDS = 1.8
"""How long readiness waits for the database: it answers within two seconds."""

_WELL = frozenset({"ok", "busy", "starting", "unknown"})
"""The states that are no cause of a 503. What is unknown has another part as its cause."""

_FORWARDING = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_REAL_IP",
)
"""The headers that proxies add."""

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

Check = dict[str, object]


@database.non_atomic
async def alive(request: HttpRequest) -> HttpResponse:
    """Liveness: answer 200 if the event loop runs. Checks no dependency: a restart does not repair a database."""
    return JsonResponse({"status": "alive"})


@database.non_atomic
async def ready(request: HttpRequest) -> HttpResponse:
    """Readiness: answer 200, or 503 with all causes, within two seconds whatever hangs.

    docs/operating/health.md has the fields. The clock and the channel layer are information: the database's clock is
    used, and reconciliation delivers the events.
    """
    checks: dict[str, Check] = await current_check().within(DATABASE_SECONDS)
    errors = [check["error"] for check in checks.values() if "error" in check]
    checks |= {name: _state(report) for name, report in _reports()}
    if readiness.is_draining():
        checks["draining"] = {"status": "draining"}
    causes = [name for name, check in checks.items() if check["status"] not in _WELL]
    answer: dict[str, Any] = {
        "status": "unavailable" if causes else "ready",
        "database": errors[0] if errors else "ok",
        "causes": causes,
        "checks": checks,
        "information": {"clock": _clock(), **_channel_layer()},
    }
    return JsonResponse(answer, status=503 if causes else 200)


def _reports() -> Iterator[tuple[str, PartReport]]:
    """Yield the parts that run in this process: of those of one name, the worst last."""
    found = [item for each in readiness.running() for item in each.reports().items()]
    yield from sorted(found, key=lambda item: (item[1].is_late, item[1].age or 0))


def _state(report: PartReport) -> Check:
    status = "late" if report.is_late else "starting" if report.age is None else "ok"
    return {"status": status, "age": _rounded(report.age), "limit": report.limit}


def _clock() -> Check:
    if clock.offset is None and database.connection().vendor == "sqlite":
        # Its clock is that of the machine.
        return {"status": "ok", "age": 0.0, "offset": 0.0}
    if clock.offset is None:
        return {"status": "unknown", "age": None, "offset": None}
    wrong = is_wrong(clock, inbox_settings().jwt_leeway_seconds)
    return {
        "status": "wrong" if wrong else "ok",
        "age": _rounded(clock.age),
        "offset": _rounded(clock.offset),
    }


def _channel_layer() -> dict[str, Check]:
    failing = [each.is_layer_failing() for each in readiness.running() if each.is_layer_failing]
    return {"channel_layer": {"status": "failing" if any(failing) else "ok"}} if failing else {}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


@database.non_atomic
async def version(request: HttpRequest) -> HttpResponse:
    """Answer with the version and the commit of this build, if VERSION_ENDPOINT is on; else 404."""
    if not inbox_settings().version_endpoint:
        return HttpResponse("Not found.\n", status=404, content_type="text/plain")
    return JsonResponse(build_info())


@database.non_atomic
async def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics as Prometheus text, for local requests or with METRICS_TOKEN; else 403.

    They are of this process, or of all processes that have the same PROMETHEUS_MULTIPROC_DIR.
    """
    if not _may_read_metrics(request):
        return HttpResponse(
            "Reading metrics requires METRICS_TOKEN.\n", status=403, content_type="text/plain"
        )
    # Files are read where several processes share them.
    text = await asyncio.to_thread(metrics_text) if is_shared() else metrics_text()
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    token = inbox_settings().metrics_token
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    return _is_local(request)


def _is_local(request: HttpRequest) -> bool:
    """Return whether a process of this machine asks by itself, and not for somebody else (a proxy)."""
    settings = inbox_settings()
    is_behind = settings.behind_proxy or settings.proxies.are_there
    if is_behind or any(name in request.META for name in _FORWARDING):
        return False
    address = parse_address(client_of_request(request))
    try:
        # Nobody else has checked it against ALLOWED_HOSTS.
        host = urlsplit(f"//{request.get_host()}").hostname
    except (DisallowedHost, ValueError):
        return False
    # A proxy that adds no header may still pass on the name that its client has used.
    return address is not None and address.is_loopback and host in _LOOPBACK_NAMES
