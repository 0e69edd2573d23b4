"""The addresses for operators: `path("", include("live_inbox.health_urls"))`, or below any prefix.

`live_inbox.health_middleware.HealthMiddleware` has them answered whatever Host a probe sends.
"""

from __future__ import annotations

from django.urls import path

from live_inbox import health

app_name = "live_inbox_health"

VIEWS = {
    "healthz": health.alive,
    "readyz": health.ready,
    "version": health.version,
    "metrics": health.metrics,
}

urlpatterns = [path(name, view, name=name) for name, view in VIEWS.items()]
