"""What the simulation says of large sites: tables of Markdown, for docs/operating/scaling.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from benchmarks.scaling.costs import Costs
from benchmarks.scaling.deliveries import Load, Site, offered, sampled
from benchmarks.scaling.outages import without_redis
from benchmarks.scaling.reconnecting import Storm, cohorts, rolling

SIZES = (100_000, 1_000_000, 10_000_000)
SOCKETS_EACH = 25_000
"""Sockets of one server process, unless the load or a table says otherwise."""
SHARE = 0.5
"""Of its time, what each part may be needed for."""
REDIS_SHARE = 0.4
LOADS = {"1 an hour": 1 / 3600, "6 an hour": 1 / 600, "1 a minute": 1 / 60}
"""Events that a socket gets."""
LISTS = 2 / 3600
"""Lists that a socket's user asks for each second: two an hour."""
CONNECTS = 2 / 3600
"""Connections that each socket makes anew, in quiet times."""
DATABASE_CONNECTIONS = 10
"""Of one server process: DATABASE_THREADS, and six more (docs/operating/configuration.md)."""
EVENT_BYTES = 500
"""Of one event in a doorbell: docs/performance.md, "Doorbells in bursts"."""
NETWORK_BYTES = 10e9 / 8
"""What a Redis host can send each second over 10 Gbit/s."""
MISSED = 2
"""Events that a client has missed that comes back from a restart."""
SEED = 1


@dataclass(frozen=True)
class Capacity:
    """What a site needs."""

    site: Site
    load: Load
    server_share: float
    redis_share: float
    database_sends: float
    """Cores, if each notification is sent by itself."""
    database_bulk: float
    """Cores, if they are sent by `send_many`."""
    database_reads: float
    """Of both, what lists, connections and reconciliation take."""


def needed(sockets: int, events: float, costs: Costs, reconcile_seconds: float = 2.0) -> Capacity:
    """Return the site that these sockets need, each part busy for at most SHARE of its time."""
    load = Load(events, lists=LISTS)
    one = Site(sockets, 1, 1, reconcile_seconds=reconcile_seconds)
    whole = offered(one, load, costs)
    connecting = sockets * CONNECTS
    servers = max(
        ceil(sockets / SOCKETS_EACH), ceil((whole["server"] + connecting * costs.connect) / SHARE)
    )
    hosts = ceil(whole["redis"] / REDIS_SHARE)
    rate = sockets * events
    reads = sockets * LISTS * costs.list_database + connecting * costs.connect_database
    reads += sockets / reconcile_seconds * costs.reconcile_database
    site = replace(one, servers=servers, redis_hosts=hosts)
    share = offered(site, load, costs)
    return Capacity(
        site,
        load,
        server_share=share["server"] + connecting * costs.connect / servers,
        redis_share=share["redis"],
        database_sends=(rate * costs.send_database + reads) / SHARE,
        database_bulk=(rate * costs.send_many_database + reads) / SHARE,
        database_reads=reads / SHARE,
    )


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a table of Markdown, numbers on the right."""
    lines = [" | ".join(head), " | ".join(["---", *["---:"] * (len(head) - 1)])]
    return "\n".join(f"| {line} |" for line in [*lines, *(" | ".join(row) for row in rows)])


def capacities(costs: Costs, sizes: Sequence[int] = SIZES) -> str:
    """Return what sites of each size need, by load, and how late their events are."""

    def rows() -> Iterator[Sequence[str]]:
        for sockets in sizes:
            for name, events in LOADS.items():
                found = needed(sockets, events, costs)
                late = sampled(found.site, found.load, costs, seconds=40, seed=SEED, servers=3)
                yield (
                    f"{sockets:,}",
                    name,
                    f"{sockets * events:,.0f}",
                    f"{found.site.servers:,}",
                    f"{found.server_share:.0%}",
                    f"{found.site.redis_hosts}",
                    f"{found.database_sends:,.1f}",
                    f"{found.database_bulk:,.1f}",
                    f"{found.database_reads:,.1f}",
                    f"{late.milliseconds(0.5):.2f} / {late.milliseconds(0.99):.1f}",
                )

    head = ["sockets", "events for each", "events/s", "server processes", "busy", "Redis hosts"]
    head += [
        "database cores: `send`",
        "`send_many`",
        "of which reads",
        "commit to socket, p50 / p99 ms",
    ]
    return table(head, rows())


def latencies(costs: Costs, shares: Sequence[float] = (0.1, 0.25, 0.5, 0.7, 0.85)) -> str:
    """Return how late events are, by how busy a server and its Redis host are."""

    def rows() -> Iterator[Sequence[str]]:
        for share in shares:
            line = [f"{share:.0%}"]
            for sockets, reconcile in ((1000, 2.0), (10_000, 2.0), (25_000, 2.0), (25_000, 30.0)):
                site = Site(sockets, 1, 1, reconcile_seconds=reconcile)
                base = offered(site, Load(0.0), costs)["server"]
                if base >= share:
                    line.append("—")
                    continue
                load = Load((share - base) / sockets / costs.event)
                late = sampled(site, load, costs, seconds=20, seed=SEED, servers=1)
                line.append(f"{late.milliseconds(0.5):.2f} / {late.milliseconds(0.99):.1f}")
            yield line

    head = ["server busy", "1,000 sockets", "10,000", "25,000", "25,000, `RECONCILE_SECONDS` 30"]
    return table(head, rows())


def storms(costs: Costs) -> str:
    """Return how servers that are left take the sockets of one that dies."""

    def rows() -> Iterator[Sequence[str]]:
        for clients, servers in (
            (10_000, 1),
            (25_000, 1),
            (25_000, 3),
            (25_000, 39),
            (25_000, 399),
            (200_000, 392),
        ):
            found = cohorts(
                Storm(clients, servers, MISSED, database_cores=ceil(servers / 12)), costs
            )
            yield (
                f"{clients:,} to {servers}",
                f"{found.half_seconds:.1f}",
                f"{found.whole_seconds:.1f}",
                f"{found.attempts / clients:.2f}",
                f"{found.peak_servers:.0%}",
                f"{found.server_seconds:,.1f}",
                f"{found.database_seconds:.2f}",
                f"{found.redis_seconds:.2f}",
            )

    head = [
        "sockets, to servers",
        "half back, s",
        "all whole, s",
        "attempts each",
        "servers, busiest second",
    ]
    head += ["server CPU s", "PostgreSQL CPU s", "Redis CPU s"]
    return table(head, rows())


def restarts(costs: Costs) -> str:
    """Return how all servers are restarted, one after the other."""

    def rows() -> Iterator[Sequence[str]]:
        for servers, every in ((4, 60.0), (40, 10.0), (400, 5.0)):
            storm = Storm(
                servers * SOCKETS_EACH, servers, MISSED, database_cores=ceil(servers / 12)
            )
            found = rolling(storm, costs, every_seconds=every)
            yield (
                f"{servers} of {SOCKETS_EACH:,}, every {every:.0f} s",
                f"{found.whole_seconds / 60:.0f}",
                f"{found.moves:.2f}",
                f"{found.fullest:.2f}",
                f"{found.peak_servers:.0%}",
                f"{found.server_seconds:,.0f}",
                f"{found.database_seconds:,.0f}",
            )

    head = [
        "servers",
        "all whole, min",
        "moves of each client",
        "last server's sockets, times the first",
    ]
    head += ["servers, busiest second", "server CPU s", "PostgreSQL CPU s"]
    return table(head, rows())


def outages(costs: Costs) -> str:
    """Return what half a minute without Redis is like, by the interval of reconciliation."""

    def rows() -> Iterator[Sequence[str]]:
        for sockets in SIZES:
            for seconds in (2.0, 10.0, 30.0):
                found = needed(sockets, LOADS["6 an hour"], costs, seconds)
                site = replace(found.site, database_cores=ceil(found.database_reads))
                outage = without_redis(
                    site, found.load, costs, seconds=max(30.0, 3 * seconds), seed=SEED
                )
                yield (
                    f"{sockets:,}",
                    f"{seconds:.0f}",
                    f"{outage.seconds(0.5):.1f} / {outage.seconds(0.99):.1f}",
                    f"{outage.database_cores:.2f}",
                    f"{outage.server:.1%}",
                    f"{outage.subscribe_seconds:.1f}",
                )

    head = [
        "sockets",
        "`RECONCILE_SECONDS`",
        "commit to socket, p50 / p99 s",
        "database cores busy with it",
    ]
    head += ["of each server", "Redis: s of its core to join all groups again, each host"]
    return table(head, rows())


def bulks(costs: Costs) -> str:
    """Return how many recipients of bulk sends a site can have each second, by what limits them.

    Every process hears every doorbell of a bulk send, and all of them go through one Redis host: they have one group.
    """

    def rows() -> Iterator[Sequence[str]]:
        for servers in (4, 40, 400):
            out = NETWORK_BYTES / (EVENT_BYTES * servers)
            yield (
                f"{servers}",
                f"{1 / costs.send_many:,.0f}",
                f"{1 / costs.send_many_database:,.0f}",
                f"{out:,.0f}",
            )

    head = [
        "server processes",
        "one process that sends",
        "one core of PostgreSQL",
        "10 Gbit/s out of Redis",
    ]
    return table(head, rows())


def costs_table(costs: Costs, calibrated: Costs, sources: dict[str, str]) -> str:
    """Return the costs with their sources."""

    def rows() -> Iterator[Sequence[str]]:
        for name, source in sources.items():
            taken, here = getattr(costs, name), getattr(calibrated, name)
            scale, unit = (1e-3, "kB") if name == "socket_bytes" else (1e6, "µs")
            yield (
                f"`{name}`",
                f"{taken * scale:,.4g} {unit}",
                f"{here * scale:,.4g} {unit}",
                source,
            )

    return table(
        ["cost", "taken for the tables", "calibration", "source of the calibration"], rows()
    )
