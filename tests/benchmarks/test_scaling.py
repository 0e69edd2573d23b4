"""The simulation of large sites obeys the laws of queues, takes the product's own numbers, and is the same when it
counts clients together as when it has each of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any

import pytest
import simpy

from benchmarks.scaling.cores import Cores, Fluid, Steps
from benchmarks.scaling.costs import SOURCES, Costs
from benchmarks.scaling.deliveries import (
    PING_EVERY_SECONDS,
    Load,
    Site,
    each_event,
    offered,
    sampled,
)
from benchmarks.scaling.outages import CHUNK, without_redis
from benchmarks.scaling.pacing import CLIENT_BACKOFF, RECONCILE_SECONDS
from benchmarks.scaling.reconnecting import Cohorts, Storm, cohorts, each_client
from live_inbox.selectors import log
from tests.stacks.uvicorn_server import REPOSITORY

pytestmark = pytest.mark.stack("embedded")

MICROSECOND = 1e-6
COSTS = Costs(
    connect=800 * MICROSECOND,
    connect_database=20 * MICROSECOND,
    connect_redis=5 * MICROSECOND,
    resume=1000 * MICROSECOND,
    resume_database=120 * MICROSECOND,
    ping=10 * MICROSECOND,
    event=100 * MICROSECOND,
    extra_socket=4 * MICROSECOND,
    doorbell=40 * MICROSECOND,
    send=1000 * MICROSECOND,
    send_database=600 * MICROSECOND,
    send_many=22 * MICROSECOND,
    send_many_database=34 * MICROSECOND,
    list=400 * MICROSECOND,
    list_database=180 * MICROSECOND,
    reconcile=8 * MICROSECOND,
    reconcile_loop=3 * MICROSECOND,
    reconcile_database=3 * MICROSECOND,
    hop=250 * MICROSECOND,
)
QUIET = Load(events=1.0, pings=0.0)
NO_RECONCILIATION = replace(COSTS, reconcile=0.0, reconcile_loop=0.0)


def poisson(cores: Cores, rate: float, service: Callable[[], float], seed: int) -> Steps:
    """Bring jobs to some cores, at random moments."""
    chance = random.Random(seed)
    while True:
        yield cores.env.timeout(chance.expovariate(rate))
        cores.env.process(cores.work(service()))


# -- laws of queues ---------------------------------------------------------------------------------------


def test_jobs_present_are_their_rate_times_how_long_they_stay() -> None:
    # Little's law, with the jobs that are present counted by somebody who looks now and then.
    env = simpy.Environment()
    cores = Cores(env)
    env.process(poisson(cores, 8.0, lambda: 0.1, seed=1))
    seen: list[int] = []
    came = 0

    def watch() -> Steps:
        while True:
            yield env.timeout(0.25)
            seen.append(cores.present)

    env.process(watch())
    env.run(until=2000)
    came = cores.done
    mean_present = sum(seen) / len(seen)
    assert mean_present == pytest.approx(came / 2000 * cores.present_seconds / came, rel=0.03)
    assert mean_present == pytest.approx(8.0 * 0.1 + 8.0 * 0.2, rel=0.1)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_core_is_busy_for_the_share_that_it_is_offered(share: float) -> None:
    env = simpy.Environment()
    cores = Cores(env)
    env.process(poisson(cores, share * 10, lambda: 0.1, seed=2))
    env.run(until=2000)
    assert cores.utilisation(2000) == pytest.approx(share, rel=0.03)


def test_jobs_of_one_length_wait_as_the_formula_of_pollaczek_and_khinchine_says() -> None:
    # rho * service / (2 * (1 - rho)) for rho = 0.7 and a service of 0.1: 0.1167.
    env = simpy.Environment()
    cores = Cores(env)
    env.process(poisson(cores, 7.0, lambda: 0.1, seed=3))
    env.run(until=3000)
    assert cores.waited_seconds / cores.done == pytest.approx(0.1167, rel=0.05)


def test_who_is_urgent_goes_first_and_who_is_impatient_goes() -> None:
    env = simpy.Environment()
    cores = Cores(env)
    order: list[tuple[str, float]] = []

    def job(name: str, steps: Steps) -> Steps:
        result = yield from steps
        order.append((f"{name} {result}", env.now))

    for name, steps in {
        "first": cores.work(5.0),
        "usual": cores.work(1.0),
        "impatient": cores.work_within(1.0, patience=4.0),
        "patient": cores.work_within(1.0, patience=60.0),
        "urgent": cores.work(2.0, priority=0),
    }.items():
        env.process(job(name, steps))
    env.run()
    assert order == [
        ("impatient False", 4.0),
        ("first None", 5.0),
        ("urgent None", 7.0),
        ("usual None", 8.0),
        ("patient True", 9.0),
    ]
    assert cores.busy == 9.0


def test_divided_work_takes_all_cores_and_no_part_is_divided_further() -> None:
    env = simpy.Environment()
    fluid = Fluid(env, 4)
    ends: list[float] = []

    def batch(seconds: float, parts: int) -> Steps:
        yield from fluid.work(seconds, parts)
        ends.append(env.now)

    env.process(batch(1.0, 8))
    env.process(batch(3.0, 1))
    env.run()
    assert ends == [2.0, 5.0]
    assert fluid.busy == 11.0


# -- the product's own numbers ----------------------------------------------------------------------------


def test_clients_wait_as_those_in_the_frontend_do() -> None:
    text = (REPOSITORY / "frontend" / "client" / "reconnecting.ts").read_text()

    def milliseconds(name: str) -> float:
        found = re.search(rf"\b{name}(?:: | = )([\d_]+)", text)
        assert found is not None, name
        return int(found[1].replace("_", ""))

    assert milliseconds("firstMs") == 1000 * CLIENT_BACKOFF.first_seconds == 1000
    assert milliseconds("longestMs") == 1000 * CLIENT_BACKOFF.longest_seconds == 30_000
    assert milliseconds("CONNECT_WITHIN_MS") == 1000 * CLIENT_BACKOFF.connect_seconds == 15_000
    assert milliseconds("PING_EVERY_MS") == 1000 * PING_EVERY_SECONDS == 10_000
    noticed = milliseconds("PING_EVERY_MS") + milliseconds("PONG_WITHIN_MS")
    assert noticed == 1000 * CLIENT_BACKOFF.notice_seconds == 15_000


def test_waits_double_and_are_in_the_upper_half() -> None:
    assert [CLIENT_BACKOFF.wait(failures, 0.0) for failures in (1, 2, 3, 6, 40)] == [
        *(0.5, 1.0, 2.0),
        *(15.0, 15.0),
    ]
    assert [CLIENT_BACKOFF.wait(failures, 0.5) for failures in (1, 2, 6)] == [0.75, 1.5, 22.5]


def test_the_servers_numbers_are_the_products() -> None:
    assert log._CHUNK == CHUNK == 1000
    assert RECONCILE_SECONDS == 2.0


def test_each_cost_has_a_source_and_was_measured() -> None:
    for costs in (Costs.calibrated(), Costs.published()):
        assert all(value > 0 for value in astuple(costs))
        assert costs.resume > costs.connect
    assert {*SOURCES} == {*Costs.__annotations__}


# -- the same again ---------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_figures() -> None:
    site, load = Site(sockets=200, servers=2, redis_hosts=2), Load(events=2.0, lists=0.05)

    def once(seed: int) -> tuple[Any, ...]:
        return (
            each_event(site, load, COSTS, seconds=2, seed=seed).latencies,
            sampled(site, load, COSTS, seconds=2, seed=seed).latencies,
            astuple(each_client(Storm(200, 2, 5), COSTS, seed=seed)),
            astuple(without_redis(site, load, COSTS, seconds=20, seed=seed)),
        )

    first, again, other = once(7), once(7), once(8)
    assert first == again
    assert all(one != another for one, another in zip(first, other, strict=True))


# -- one for many -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.25, 0.6])
def test_sampled_servers_are_as_late_as_all_clients_together(share: float) -> None:
    # 1,000 clients on two servers and two Redis hosts; the percentiles are the same within a tenth.
    costs = replace(COSTS, event=300 * MICROSECOND, doorbell=120 * MICROSECOND)
    site = Site(sockets=1000, servers=2, redis_hosts=2, reconcile_seconds=0.5)
    load = Load(events=share / (500 * costs.event), lists=0.02, pings=0.0)
    every = each_event(site, load, costs, seconds=2, seed=1)
    some = sampled(site, load, costs, seconds=20, seed=2)
    assert len(every.latencies) > 3000
    for quantile in (0.5, 0.9, 0.99):
        assert some.milliseconds(quantile) == pytest.approx(every.milliseconds(quantile), rel=0.1)
    assert some.server == pytest.approx(every.server, rel=0.05)
    assert some.redis == pytest.approx(every.redis, rel=0.05)


def test_parts_are_as_busy_as_the_load_says() -> None:
    site = Site(sockets=100_000, servers=5, redis_hosts=2)
    load = Load(events=0.1, lists=0.01)
    needed = offered(site, load, COSTS)
    found = sampled(site, load, COSTS, seconds=20, seed=3, servers=2)
    assert needed["server"] == pytest.approx(20_000 * (10e-6 + 4e-6 + 1e-6 + 4e-6))
    assert found.server == pytest.approx(needed["server"], rel=0.05)
    assert found.redis == pytest.approx(needed["redis"], rel=0.05)


def test_a_reconciliation_holds_up_what_comes_meanwhile() -> None:
    # Of 50,000 inboxes, every 2 s: 25 times 10 ms of slices and 6 ms in one piece. Who comes in these 6 ms waits.
    site = Site(sockets=50_000, servers=1, redis_hosts=1)
    load = Load(events=0.004, pings=0.0)
    with_it = sampled(site, load, COSTS, seconds=200, seed=4)
    without = sampled(site, load, NO_RECONCILIATION, seconds=200, seed=4)
    assert without.milliseconds(0.99) < 2
    assert 5 < with_it.milliseconds(0.99) < 12
    late = sum(latency > 0.02 for latency in with_it.latencies) / len(with_it.latencies)
    assert late < 0.001


@pytest.mark.parametrize(
    ("storm", "costs"),
    [
        # Nobody waits; the servers are busy for a second; one is too slow, and clients give up.
        (Storm(clients=1000, servers=8, missed=0), COSTS),
        (Storm(clients=2000, servers=1, missed=20), COSTS),
        (Storm(clients=600, servers=1, missed=5), replace(COSTS, connect=0.04, resume=0.0402)),
    ],
    ids=["quiet", "busy", "overloaded"],
)
def test_cohorts_come_back_as_their_clients_do(storm: Storm, costs: Costs) -> None:
    every = each_client(storm, costs, seed=5)
    together = cohorts(storm, costs)
    for name in ("half_seconds", "most_seconds", "whole_seconds"):
        # Within a tenth, or a fifth of a second: the tick and the pause of a batch.
        assert getattr(together, name) == pytest.approx(getattr(every, name), rel=0.1, abs=0.2), (
            name
        )
    assert together.attempts == pytest.approx(every.attempts, rel=0.05)
    assert together.abandoned == pytest.approx(every.abandoned, rel=0.1)
    assert together.server_seconds == pytest.approx(every.server_seconds, rel=0.03)
    assert together.database_seconds == pytest.approx(every.database_seconds, rel=0.03)
    assert together.peak_servers == pytest.approx(every.peak_servers, rel=0.1)


def test_the_overloaded_storm_is_one_whose_clients_give_up() -> None:
    costs = replace(COSTS, connect=0.04, resume=0.0402)
    found = cohorts(Storm(clients=600, servers=1, missed=5), costs)
    # 24 s of work, and 15 s of patience: more than a third give up, and come back after 1 to 2 s.
    assert found.abandoned > 200
    assert found.attempts == pytest.approx(600 + found.abandoned, abs=1)
    assert found.whole_seconds > 24


def test_all_clients_of_cohorts_are_somewhere() -> None:
    model = Cohorts(Storm(clients=1000, servers=2, missed=3), COSTS)
    model.lose(600)
    model.lose(400)
    found = model.run()
    assert model.lost == 1000
    assert model.back == pytest.approx(1000, abs=0.5)
    assert found.server_seconds == pytest.approx(1000 * (800e-6 + 3 * 10e-6), rel=0.001)


def test_without_redis_events_come_with_the_next_reconciliation() -> None:
    # 10,000 inboxes on two servers: a round is 10 queries, 30 ms of the database, 80 of a server, every 2 s.
    site = Site(sockets=10_000, servers=2, redis_hosts=1)
    found = without_redis(site, Load(events=0.01), COSTS, seconds=100, seed=6)
    assert found.rounds == pytest.approx(2 * 50, abs=3)
    assert found.seconds(0.5) == pytest.approx(1.05, abs=0.1)
    assert found.seconds(0.99) < 2.2
    reconciling = 10_000 / 2 * 3 * MICROSECOND
    fetching = 100 * 5 * MICROSECOND
    assert found.database_cores == pytest.approx(reconciling + fetching, rel=0.05)
    assert found.subscribe_seconds == pytest.approx(0.05)
