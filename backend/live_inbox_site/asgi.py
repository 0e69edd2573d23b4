"""The site as one ASGI application: static files, requests with a token, health, Django and the inbox."""

from __future__ import annotations

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live_inbox_site.settings")

from live_inbox_site.django_handler import django_handler

django_application = django_handler()

# These need Django's app registry, which django_handler has filled.
from live_inbox.asgi import mount, requests_with_token
from live_inbox.limits.rate import RateLimit
from live_inbox.sockets.asgi import Application
from live_inbox_site import process_tuning
from live_inbox_site.body_limit import BodyLimit
from live_inbox_site.checks import refuse_unsafe_settings
from live_inbox_site.environment import site_settings
from live_inbox_site.forwarded_requests import ForwardedRequests
from live_inbox_site.health_requests import HealthRequests
from live_inbox_site.large_bodies import LargeBodies
from live_inbox_site.request_log import RequestLog
from live_inbox_site.request_pacing import (
    MORE_FOR_DJANGO,
    AddressRates,
    ChargedRequests,
    RequestPacing,
)
from live_inbox_site.request_turns import RequestTurns
from live_inbox_site.security_headers import SecurityHeaders
from live_inbox_site.static_files import StaticFiles

refuse_unsafe_settings()
_unlimited = site_settings().unlimited_networks
_rates = AddressRates(RateLimit.parse(site_settings().request_rate), _unlimited)
_health_and_django = HealthRequests(cast("Application", django_application))
_charged = ChargedRequests(_health_and_django, _rates, MORE_FOR_DJANGO)
_files_and_django = StaticFiles(requests_with_token(_charged))
_bounded = LargeBodies(BodyLimit(_files_and_django), _unlimited)
_paced = RequestPacing(RequestTurns(_bounded, _unlimited), _rates)
http = RequestLog(ForwardedRequests(SecurityHeaders(_paced)))
application = mount(http, serves_requests=False)


def served_application() -> Application:
    """Return the application for a process of its own, whose garbage collector it may tune (`manage.py serve`)."""
    return mount(http, on_started=process_tuning.settle, serves_requests=False)
