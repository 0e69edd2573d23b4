"""Tables in Markdown, out of the raw results: medians, with the lowest and the highest beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import Row, Spread, spreads, totals
from benchmarks.results import Results

REFERENCE = "product"
BOUND_SHARE = 0.9
"""Of a processor's time: above it, that processor limits the rate."""

Titles = Mapping[str, str]


def table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rows = [list(headings), ["---", *["---:"] * (len(headings) - 1)], *map(list, lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def number(value: float) -> str:
    """Return a figure with as many digits as mean something."""
    if value != value:
        return "—"
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread_text(spread: Spread) -> str:
    """Return a median and its range."""
    if spread.low == spread.high:
        return number(spread.median)
    return f"{number(spread.median)} [{number(spread.low)} to {number(spread.high)}]"


def delivery_table(results: Results, titles: Titles) -> str:
    """Return the table of a workload that delivers events."""
    rows = results.rows
    found = {
        name: spreads(rows, name)
        for name in ("cpu_us", "per_second", "p50_ms", "p99_ms", "redis_us")
    }
    bound = bound_by_client(rows)
    faults = {name: totals(rows, name) for name in ("lost", "doubled", "disordered")}
    delivered = totals(rows, "delivered")
    headings = ["server", "CPU µs per event", "times this product's", "events/s", "p50 / p99 ms"]
    headings += ["Redis µs", "deliveries counted", "lost / doubled / disordered"]
    lines = []
    for key, cpu in ordered(found["cpu_us"]):
        at_least = "≥ " if key in bound else ""
        late = [number(found[name][key].median) for name in ("p50_ms", "p99_ms")]
        redis = found["redis_us"].get(key)
        lines.append(
            [
                titles[key[0]],
                spread_text(cpu),
                ratio(found["cpu_us"], key),
                at_least + number(found["per_second"][key].median),
                " / ".join(late),
                number(redis.median) if redis else "—",
                number(delivered[key]),
                " / ".join(f"{faults[name][key]:.0f}" for name in faults),
            ]
        )
    return table(headings, lines)


def idle_table(results: Results, titles: Titles) -> str:
    """Return the table of sockets that do nothing."""
    memory = spreads(results.rows, "kilobytes")
    connect = spreads(results.rows, "connect_ms")
    headings = ["server", "kB per idle socket", "times this product's"]
    headings += ["CPU ms to connect and subscribe", "times this product's"]
    lines = [
        [
            titles[key[0]],
            spread_text(spread),
            ratio(memory, key),
            spread_text(connect[key]),
            ratio(connect, key),
        ]
        for key, spread in ordered(memory)
    ]
    return table(headings, lines)


def growth_table(results: Results, titles: Titles) -> str:
    """Return the table of the cost per event at several numbers of sockets."""
    cpu = spreads(results.rows, "cpu_us")
    sizes = sorted({size for _, size in cpu})
    peers = list(dict.fromkeys(row.peer for row in results.rows))
    lines = []
    for peer in peers:
        cells = [spread_text(cpu[peer, size]) if (peer, size) in cpu else "—" for size in sizes]
        lines.append([titles[peer], *cells])
    return table(["server", *(f"{size:,} sockets" for size in sizes)], lines)


def plain_table(results: Results, titles: Titles) -> str:
    """Return the table of a workload of the product alone: a line for each figure."""
    names = list(dict.fromkeys(name for row in results.rows for name in row.figures))
    peers = list(dict.fromkeys((row.peer, row.size) for row in results.rows))
    lines = []
    for name in names:
        found = spreads(results.rows, name)
        cells = [spread_text(found[key]) if key in found else "—" for key in peers]
        lines.append([f"`{name}`", *cells])
    return table(["figure", *(titles[peer] for peer, _ in peers)], lines)


SUMMARY_PEERS = ("strawberry-daphne", "strawberry-tuned", "node-graphql-ws", "socketio", "nchan")
SUMMARY = (
    ("fanout", "cpu_us", "an event to each of {size:,} sockets of a user, CPU µs"),
    ("unicast", "cpu_us", "an event to one of {size:,} users, CPU µs"),
    ("idle", "kilobytes", "an idle subscribed socket, kB"),
    ("idle", "connect_ms", "connecting and subscribing, CPU ms"),
)


def summary_tables(found: Mapping[str, Results], titles: Titles) -> str:
    """Return two tables of the most telling figures: absolute, then as multiples of the product's."""
    absolute, multiples = [], []
    for workload, figure, text in SUMMARY:
        if workload not in found:
            continue
        values = spreads(found[workload].rows, figure)
        for size in sorted(size for peer, size in values if peer == REFERENCE):
            name = text.format(size=size)
            others = [(peer, size) for peer in SUMMARY_PEERS]
            own = [number(values[REFERENCE, size].median)]
            absolute.append(
                [
                    name,
                    *own,
                    *(number(values[key].median) if key in values else "—" for key in others),
                ]
            )
            multiples.append(
                [name, *(ratio(values, key) if key in values else "—" for key in others)]
            )
    peers = [titles[peer] for peer in SUMMARY_PEERS]
    return "\n\n".join(
        (
            table(["server cost of", "this product", *peers], absolute),
            "The same as multiples of what this product needs:",
            table(["server cost of", *peers], multiples),
        )
    )


def ordered(found: Mapping[tuple[str, int], Spread]) -> list[tuple[tuple[str, int], Spread]]:
    """Return the cheapest first."""
    return sorted(found.items(), key=lambda item: item[1].median)


def ratio(found: Mapping[tuple[str, int], Spread], key: tuple[str, int]) -> str:
    """Return how many times the product's figure a peer's is."""
    own = found.get((REFERENCE, key[1]))
    if own is None or not own.median:
        return "—"
    return f"{number(found[key].median / own.median)} x"


def bound_by_client(rows: Iterable[Row], prefix: str = "") -> set[tuple[str, int]]:
    """Return the peers that could have been faster, had the client and its neighbours been.

    `prefix`: what the names of the figures begin with.
    """
    return {
        (row.peer, row.size)
        for row in rows
        if max(row.figures.get(f"{prefix}{name}_share", 0) for name in ("client", "rest"))
        > BOUND_SHARE
        and row.figures.get(f"{prefix}server_share", 1) < BOUND_SHARE
    }
