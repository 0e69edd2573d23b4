"""The inbox of one event loop: the hub, everything that lives as long as the hub, and the sockets of both APIs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache

from django.urls import URLPattern, re_path

from live_inbox.apps import channel_layer, doorbell
from live_inbox.build import note_build
from live_inbox.checks import refuse_invalid_settings
from live_inbox.clock_monitor import ClockMonitor
from live_inbox.conf import InboxSettings, inbox_settings
from live_inbox.connection_reporting import ConnectionReporter
from live_inbox.database_log import DatabaseLog
from live_inbox.database_threads import begin_counting_deadlines
from live_inbox.delivery.hub import Hub, HubConfig
from live_inbox.delivery_latency import DeliveryLatency
from live_inbox.events import Event, decode
from live_inbox.feed import Feed, serving
from live_inbox.identity.admissions import Admissions
from live_inbox.identity.callers import build_admissions, recent_checks
from live_inbox.internals.cookie_unquoting import replace_quadratic_unquoting
from live_inbox.json_api.consumer import NotificationConsumer
from live_inbox.lifespan import Lifespan
from live_inbox.log_redaction import redact_server_logs
from live_inbox.maintenance.housekeeping import Housekeeper, jobs
from live_inbox.middleware_bypass import headers_of_middleware, may_bypass
from live_inbox.per_loop import PerLoop
from live_inbox.readiness import Readiness, reporting
from live_inbox.services.send_counting import begin_counting_failures
from live_inbox.socket_paths import SOCKET_PATHS, socket_paths
from live_inbox.socket_router import Apis, SocketEndpoint, SocketRouter
from live_inbox.sockets.asgi import Application
from live_inbox_graphql.consumer import GraphQLConsumer
from live_inbox_graphql.event_stream_requests import EventStreamRequests
from live_inbox_graphql.event_streams import EventStreams
from live_inbox_graphql.schema import configured_schema
from live_inbox_graphql.token_requests import TokenRequests


def hub_config(settings: InboxSettings) -> HubConfig:
    """Return the hub's limits as this process is configured."""
    return HubConfig(
        run_length=settings.live_events,
        reconcile_seconds=settings.reconcile_seconds,
        linger_seconds=settings.linger_seconds,
    )


def build_application(
    http: Application | None,
    *,
    websocket: Application | None = None,
    prefix: str | None = None,
    on_started: Callable[[], None] | None = None,
    serves_requests: bool = True,
) -> Application:
    """Return the application described in `live_inbox.asgi.mount`."""
    endpoints = _endpoints()

    async def start() -> None:
        await running_inboxes().start()
        if on_started is not None:
            on_started()

    # Of the project's application, and not of what stands in front of it: it may be Django's, which has none.
    lifespan = Lifespan(http, start=start, stop=running_inboxes().stop)
    if http is not None and serves_requests:
        http = requests_with_token(http)
    return SocketRouter(
        http,
        endpoints,
        websocket=websocket,
        prefix=prefix,
        lifespan=lifespan,
    )


def requests_with_token(http: Application) -> Application:
    """Return an application that serves GraphQL requests with a token, and event streams, and leaves the rest to this
    one."""
    return EventStreamRequests(
        TokenRequests(http, serves=may_bypass, more_headers=headers_of_middleware),
        streams=SocketEndpoint("event_streams", running_inboxes()),
        serves=may_bypass,
        more_headers=headers_of_middleware,
    )


def build_routes(prefix: str) -> list[URLPattern]:
    """Return the routes described in `live_inbox.asgi.websocket_urlpatterns`."""
    endpoints = _endpoints()
    return [
        re_path(rf"^{re.escape(path)}/?$", endpoints[name], name=name)  # type: ignore[arg-type]  # Channels' callables
        for path, name in socket_paths(prefix).items()
    ]


def _endpoints() -> dict[str, Application]:
    refuse_invalid_settings()
    redact_server_logs()
    replace_quadratic_unquoting()
    return {name: SocketEndpoint(name, running_inboxes()) for name in SOCKET_PATHS}


@lru_cache(maxsize=1)
def running_inboxes() -> PerLoop[Apis]:
    """Return the inboxes of this process: all that is mounted in it shares the one of its event loop."""
    return PerLoop(_running_inbox)


@asynccontextmanager
async def _running_inbox() -> AsyncIterator[Apis]:
    """Run an inbox on the running event loop while in the block."""
    settings = inbox_settings()
    note_build()
    begin_counting_failures()
    begin_counting_deadlines()
    readiness = Readiness()
    checks = readiness.part("admissions", every_seconds=settings.session_check_seconds)
    admissions = build_admissions(on_checked=checks.finished)
    reporter = ConnectionReporter(admissions)
    hub = _hub(admissions, readiness, reporter)
    housekeeper = Housekeeper(jobs(settings))
    clock_monitor = ClockMonitor(leeway_seconds=settings.jwt_leeway_seconds)
    await hub.start()
    admissions.start()
    clock_monitor.start()
    try:
        async with doorbell().attached(hub.on_message):
            housekeeper.start()
            try:
                feed = Feed(hub)
                with serving(feed), reporting(readiness):
                    yield _apis(feed, admissions)
            finally:
                await housekeeper.stop()
    finally:
        await clock_monitor.stop()
        await reporter.stop()
        await admissions.stop()
        await hub.stop()


async def start_inbox() -> None:
    """Start the inbox of the running event loop, for `live_inbox.feed.current_feed`, unless it runs."""
    await running_inboxes().start()


def _hub(admissions: Admissions, readiness: Readiness, reporter: ConnectionReporter) -> Hub[Event]:
    config = hub_config(inbox_settings())
    reads = readiness.part("log_reader", every_seconds=config.reconcile_seconds)
    reconciliations = readiness.part("reconciliation", every_seconds=config.reconcile_seconds)

    def on_round(is_reconciliation: bool) -> None:
        reads.finished()
        if is_reconciliation:
            reconciliations.finished()

    def on_account_changed(user_id: str) -> None:
        if reporter.answer(user_id):
            return
        recent_checks().forget()
        admissions.on_account_changed(user_id)

    layer = channel_layer()
    hub = Hub(
        DatabaseLog(),
        layer=layer,
        decode=decode,
        own_doorbell=doorbell().name,
        codec=doorbell().codec,
        on_empty=on_account_changed,
        config=config,
        on_round=on_round,
        on_delivered=DeliveryLatency(),
    )
    if layer is not None:
        readiness.is_layer_failing = lambda: hub.is_layer_failing
    return hub


def _apis(feed: Feed, admissions: Admissions) -> Apis:
    return {
        "graphql": GraphQLConsumer(configured_schema(), feed, admissions),
        "event_streams": EventStreams(feed, admissions),
        "json": NotificationConsumer(feed=feed, admissions=admissions),
    }
