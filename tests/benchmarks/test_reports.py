"""The tables and plots show what was measured."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.figures import Row, Spread, percentile, spreads, totals
from benchmarks.plots import Bar, bars
from benchmarks.results import Results, load
from benchmarks.tables import (
    SUMMARY_PEERS,
    bound_by_client,
    delivery_table,
    growth_table,
    idle_table,
    number,
    summary_tables,
)

pytestmark = pytest.mark.stack("embedded")

TITLES = {"product": "ours", "nchan": "nginx", "node-graphql-ws": "Node"}
HEAD = {
    "date": "2026-11-22T12:00:00+00:00",
    "command": "python -m benchmarks",
    "machine": {"processor": "Some", "processors": 2, "memory_gb": 8, "system": "Linux 6"},
    "versions": {"Python": "3.11.7"},
}


def row(peer: str, number_: int, *, size: int = 1000, **figures: float) -> Row:
    """Return the figures of one round."""
    return Row("fanout", peer, size, number_, figures)


def delivery(peer: str, number_: int, cpu: float, **more: float) -> Row:
    """Return the figures of a round in which all went well."""
    usual = {"per_second": 100.0, "p50_ms": 1.0, "p99_ms": 12.0, "delivered": 1000.0}
    faults = {"lost": 0.0, "doubled": 0.0, "disordered": 0.0}
    return Row("fanout", peer, 1000, number_, {"cpu_us": cpu, **usual, **faults, **more})


def test_the_middle_and_the_range_are_those_of_the_rounds() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)
    rows = [row("product", 1, cpu_us=3.0), row("product", 2, cpu_us=1.0), row("nchan", 1)]
    assert spreads(rows, "cpu_us") == {("product", 1000): Spread(2.0, 1.0, 3.0)}
    assert totals(rows, "cpu_us") == {("product", 1000): 4.0}


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [
        1.0,
        51.0,
        100.0,
        100.0,
    ]
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (7.123, "7.12"), (52.71, "52.7"), (7.0, "7"), (1284.4, "1,284"), (math.nan, "—")],
)
def test_figures_have_as_many_digits_as_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_compares_with_the_product_and_shows_what_went_wrong() -> None:
    rows = [
        delivery("node-graphql-ws", 1, 50.0),
        delivery("product", 1, 10.0),
        delivery("node-graphql-ws", 2, 60.0, lost=2.0, doubled=1.0),
        delivery("product", 2, 12.0, redis_us=0.5),
    ]
    lines = delivery_table(Results("fanout", HEAD, rows), TITLES).splitlines()
    assert lines[2:] == [
        "| ours | 11 [10 to 12] | 1 x | 100 | 1 / 12 | 0.50 | 2,000 | 0 / 0 / 0 |",
        "| Node | 55 [50 to 60] | 5 x | 100 | 1 / 12 | — | 2,000 | 2 / 1 / 0 |",
    ]


def test_a_rate_that_the_client_has_limited_is_a_lower_bound() -> None:
    rows = [
        row("product", 1, server_share=0.95, client_share=0.95),
        row("nchan", 1, server_share=0.5, client_share=0.95),
        row("node-graphql-ws", 1, server_share=0.5, client_share=0.5, rest_share=0.99),
    ]
    assert bound_by_client(rows) == {("nchan", 1000), ("node-graphql-ws", 1000)}


def test_idle_sockets_and_growth_have_tables_of_their_own() -> None:
    idle = [
        row("product", 1, kilobytes=20.0, connect_ms=0.8),
        row("nchan", 1, kilobytes=10.0, connect_ms=0.08),
    ]
    assert idle_table(Results("idle", HEAD, idle), TITLES).splitlines()[2:] == [
        "| nginx | 10 | 0.50 x | 0.08 | 0.10 x |",
        "| ours | 20 | 1 x | 0.80 | 1 x |",
    ]
    growth = [row("product", 1, size=size, cpu_us=cpu) for size, cpu in ((5000, 9.0), (100, 8.0))]
    assert growth_table(Results("growth", HEAD, growth), TITLES).splitlines() == [
        "| server | 100 sockets | 5,000 sockets |",
        "| --- | ---: | ---: |",
        "| ours | 8 | 9 |",
    ]


def test_the_summary_has_a_table_of_figures_and_one_of_ratios() -> None:
    rows = [row("product", 1, cpu_us=10.0), row("nchan", 1, cpu_us=5.0)]
    titles = dict.fromkeys(SUMMARY_PEERS, "other")
    text = summary_tables({"unicast": Results("unicast", HEAD, rows)}, titles)
    assert [line for line in text.splitlines() if "1,000 users" in line] == [
        "| an event to one of 1,000 users, CPU µs | 10 | — | — | — | — | 5 |",
        "| an event to one of 1,000 users, CPU µs | — | — | — | — | 0.50 x |",
    ]


def test_bars_have_one_scale_that_begins_at_zero() -> None:
    shown = [
        Bar("ours <GraphQL>", 10.0, 8.0, 12.0, "10", is_own=True),
        Bar("theirs", 40.0, 40.0, 40.0, "40"),
    ]
    plot = ElementTree.fromstring(bars("CPU & time", shown))
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in plot.iter(f"{space}rect")]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)
    assert [bar.attrib["class"] for bar in plot.iter(f"{space}rect")] == ["bar own", "bar"]
    assert len(list(plot.iter(f"{space}line"))) == 1
    assert [text.text for text in plot.iter(f"{space}text")][:3] == [
        "CPU & time",
        "ours <GraphQL>",
        "10",
    ]


def test_results_survive_their_file(tmp_path: Path) -> None:
    results = Results("fanout", HEAD, [delivery("product", 1, 10.0)], ["nchan: gone"])
    results.save(tmp_path)
    assert load(tmp_path) == {"fanout": results}


def test_the_page_gets_the_results_and_keeps_its_prose(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    page.write_text(f"Before.\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\nAfter.\n")
    Results("fanout", HEAD, [delivery("product", 1, 10.0)]).save(results)
    readme = tmp_path / "README.md"
    readme.write_text(f"Hello.\n{report.BEGIN}\n{report.END}\n")
    report.write(results, page, tmp_path / "plots", readme)
    text = page.read_text()
    assert text.startswith(f"Before.\n\n{report.BEGIN}\n\n### `fanout`: every event to all sockets")
    assert text.endswith(f"Versions: Python 3.11.7\n\n{report.END}\n\nAfter.\n")
    assert "old" not in text
    assert "Sockets: 1,000. Rounds: 1. 2026-11-22T12:00:00+00:00, 2 x Some, 8 GB, Linux 6." in text
    assert (tmp_path / "plots" / "fanout.svg").read_text().startswith("<svg ")
    assert "| an event to each of 1,000 sockets of a user, CPU µs | 10 | — |" in readme.read_text()


def test_a_page_without_a_place_for_results_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        report.between_marks("no marks", "results")
