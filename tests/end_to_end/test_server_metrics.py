"""The metrics of a server under real traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

import live_inbox
from live_inbox.lanes import Lane
from tests.end_to_end.test_draining import device_pool
from tests.end_to_end.test_shared_metrics import scrape
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = 12
TYPES = ("news", "general", "other")
WITHOUT_LABELS = (
    *("admission_faults", "connections_not_accepted", "layer_faults", "log_faults"),
    *("rate_storage_faults", "webhook_faults"),
)


async def test_the_way_of_an_event_is_measured(
    alice: int, token: str, stack: Stack, start_server: Callable[..., ServerProcess]
) -> None:
    server = await asyncio.to_thread(start_server, RECONCILE_SECONDS="0.2", COMMIT="0a1b2c3")
    async with device_pool(server.port, token) as pool:
        device = await pool.open("original")
        for number in range(EVENTS):
            await live_inbox.asend(recipient=alice, title=str(number))
        titles = [(await device.receive())["notification"]["title"] for _ in range(EVENTS)]
        assert titles == [str(number) for number in range(EVENTS)]
        source = "log" if stack.redis is None else "doorbell"
        name = f'inbox_delivery_seconds_count{{source="{source}"}}'
        found = scrape(server.port)
        while found[name] < 1:
            # Reconciliation has been before the doorbell each time.
            await live_inbox.asend(recipient=alice, title="another")
            assert (await device.receive())["notification"]["title"] == "another"
            found = await asyncio.to_thread(scrape, server.port)
    assert 0 <= found[name.replace("count", "sum")] < 60
    assert found['inbox_sockets{api="json",subprotocol=""}'] == 1
    assert found['inbox_admissions_total{api="json",reason="",result="admitted"}'] == 1
    assert found['inbox_database_wait_seconds_count{lane="access"}'] >= 1
    assert found['inbox_reconciliations_total{result="nothing"}'] >= 0
    (build,) = (series for series in found if series.startswith("inbox_build_info{"))
    assert f'version="{live_inbox.__version__}"' in build
    assert 'commit="0a1b2c3"' in build


def test_counters_that_alerts_use_begin_at_0(start_server: Callable[..., ServerProcess]) -> None:
    """Of a series that begins with 1, Prometheus sees no growth: a first failure would wake nobody."""
    types = '{"news": {}, "general": {}}'
    found = scrape(start_server(TYPES=types).port)
    expected = {
        *(f'inbox_sends_total{{result="failed",type="{type}"}}' for type in TYPES),
        *(f'inbox_database_deadlines_total{{lane="{lane}"}}' for lane in Lane),
        *(f'inbox_database_faults_total{{api="{api}"}}' for api in ("graphql", "json")),
        *(f'inbox_contradictions_total{{wrong="{wrong}"}}' for wrong in ("doorbell", "stream")),
        'inbox_resets_total{reason="ahead"}',
        'inbox_reconciliations_total{result="found"}',
        'inbox_housekeeping_runs_total{result="failed",task="campaigns"}',
        *(
            f'inbox_admissions_total{{api="{api}",reason="{reason}",result="refused"}}'
            for api in ("graphql", "json", "graphql_sse")
            for reason in ("wrong_key", "wrong_issuer", "wrong_audience")
        ),
        *(f"inbox_{name}_total" for name in WITHOUT_LABELS),
    }
    assert expected - found.keys() == set()
    assert {found[series] for series in expected} == {0}
