"""Tables of the works over HTTP, out of the raw results: what was asked, who answered, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Row, spreads, totals
from benchmarks.results import Results
from benchmarks.tables import (
    Titles,
    bound_by_client,
    number,
    ordered,
    ratio,
    spread_text,
    table,
)

COST = "cpu_us"
REQUESTS = (
    *("server", "CPU µs per request", "times this product's", "PostgreSQL µs", "requests/s"),
    *("p50 / p99 ms, one connection", "answers checked"),
)
PAGES = (
    *("server", "CPU µs per page", "times this product's", "PostgreSQL µs", "pages/s"),
    *("p50 / p99 ms, eight at a time", "pages checked"),
)


def request_table(results: Results, titles: Titles) -> str:
    """Return a table for each thing that was asked, the cheapest server first."""
    parts = []
    for asked in things_asked(results.rows):
        if asked:
            parts.append(f"{asked.replace('_', ' ').strip()}:")
        parts.append(_table(results.rows, asked, titles, REQUESTS))
    return "\n\n".join(parts)


def page_table(results: Results, titles: Titles) -> str:
    """Return the table of whole pages, the cheapest server first."""
    return _table(results.rows, "", titles, PAGES)


def things_asked(rows: Iterable[Row]) -> list[str]:
    """Return what the names of figures begin with; nothing, if only one thing was asked."""
    names = (name for row in rows for name in row.figures)
    return list(dict.fromkeys(name.removesuffix(COST) for name in names if name.endswith(COST)))


def _table(rows: list[Row], asked: str, titles: Titles, headings: Sequence[str]) -> str:
    names = (COST, "postgres_us", "per_second", "p50_ms", "p99_ms")
    found = {name: spreads(rows, asked + name) for name in names}
    answers = totals(rows, f"{asked}answers")
    bound = bound_by_client(rows, asked)
    lines = []
    for key, cost in ordered(found[COST]):
        database = found["postgres_us"].get(key)
        at_least = "≥ " if key in bound else ""
        late = [number(found[name][key].median) for name in ("p50_ms", "p99_ms")]
        lines.append(
            [
                titles[key[0]],
                spread_text(cost),
                ratio(found[COST], key),
                spread_text(database) if database else "—",
                at_least + number(found["per_second"][key].median),
                " / ".join(late),
                number(answers[key]),
            ]
        )
    return table(headings, lines)
