"""Writes tables and plots into the documentation: `python -m benchmarks.report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import spreads
from benchmarks.peers.registry import peers
from benchmarks.plots import Bar, bars
from benchmarks.request_tables import page_table, request_table
from benchmarks.results import DIRECTORY, Results, load
from benchmarks.tables import (
    REFERENCE,
    Titles,
    delivery_table,
    growth_table,
    idle_table,
    number,
    ordered,
    plain_table,
    summary_tables,
)
from benchmarks.workloads.catalogue import WORKLOADS

DOCUMENTATION = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCUMENTATION / "benchmarks.md"
README = DOCUMENTATION.parent / "README.md"
PLOTS = DOCUMENTATION / "benchmarks"
BEGIN = "<!-- results: written by `python -m benchmarks.report`, from benchmarks/results -->"
END = "<!-- end of results -->"

REQUESTS = (
    *("http-typename", "http-viewer", "http-list", "http-mark", "http-send"),
    "socket-list",
)
TABLES: dict[str, Callable[[Results, Titles], str]] = {
    "fanout": delivery_table,
    "unicast": delivery_table,
    "groups": delivery_table,
    "idle": idle_table,
    "growth": growth_table,
    **dict.fromkeys(REQUESTS, request_table),
    "page": page_table,
}
PICTURES = {
    "fanout": ("cpu_us", "Fan-out: server CPU per delivered event, µs (shorter is better)"),
    "unicast": ("cpu_us", "Unicast: server CPU per delivered event, µs (shorter is better)"),
    "idle": ("kilobytes", "Memory per idle subscribed socket, kB (shorter is better)"),
    "http-list": (
        "20_of_1000000_cpu_us",
        "A list of 20 over HTTP: server CPU per request, µs (shorter is better)",
    ),
}


def titles() -> dict[str, str]:
    """Return what each peer is called; ours stand out."""
    found = {name: peer.title for name, peer in peers(Path()).items()}
    return {name: f"**{title}**" if name in OWN else title for name, title in found.items()}


OWN = (REFERENCE, "product-json", "product-sqlite", "product-prepared")


def section(results: Results) -> str:
    """Return one workload: what it is, the run, the table."""
    workload = WORKLOADS[results.workload]
    make = TABLES.get(results.workload, plain_table)
    sizes = sorted({row.size for row in results.rows})
    rounds = max((row.round for row in results.rows), default=0)
    parts = [f"### `{workload.name}`: {workload.title}"]
    if workload.name in PICTURES:
        parts.append(f"![{PICTURES[workload.name][1]}](benchmarks/{workload.name}.svg)")
    sockets = ", ".join(f"{size:,}" for size in sizes)
    parts.append(f"{workload.counted}: {sockets}. Rounds: {rounds}. {run_line(results)}")
    if results.rows:
        parts.append(make(results, titles()))
    parts += [f"Failed: {failure}" for failure in results.failures]
    return "\n\n".join(parts)


def run_line(results: Results) -> str:
    """Return when, where and how a run was made."""
    head = results.head
    machine = head["machine"]
    return (
        f"{head['date']}, {machine['processors']} x {machine['processor']}, "
        f"{machine['memory_gb']} GB, {machine['system']}. `{head['command']}`"
    )


def versions_line(found: dict[str, Results]) -> str:
    """Return the versions of the newest run."""
    newest = max(found.values(), key=lambda results: str(results.head["date"]))
    return "Versions: " + ", ".join(
        f"{name} {version}" for name, version in newest.head["versions"].items()
    )


def picture(results: Results) -> str:
    """Return the plot of a workload, the cheapest first."""
    figure, title = PICTURES[results.workload]
    names = {name: peer.title for name, peer in peers(Path()).items()}
    found = ordered(spreads(results.rows, figure))
    return bars(
        title,
        [
            Bar(
                names[peer],
                spread.median,
                spread.low,
                spread.high,
                number(spread.median),
                peer in OWN,
            )
            for (peer, _), spread in found
        ],
    )


def between_marks(page: str, text: str) -> str:
    """Return a page with new results where the old ones were. Raise ValueError if it has no such place."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page lacks the lines {BEGIN} and {END}.")
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


def write(
    directory: Path = DIRECTORY, page: Path = PAGE, plots: Path = PLOTS, readme: Path = README
) -> None:
    """Bring page and plots up to date with the results, and the table in the README if it has a place for one."""
    found = load(directory)
    plots.mkdir(exist_ok=True)
    for name in PICTURES:
        if name in found:
            (plots / f"{name}.svg").write_text(picture(found[name]))
    parts = [section(found[name]) for name in WORKLOADS if name in found]
    if found:
        parts.append(versions_line(found))
    page.write_text(between_marks(page.read_text(), "\n\n".join(parts)))
    text = readme.read_text()
    if BEGIN in text:
        readme.write_text(between_marks(text, summary_tables(found, titles())))


if __name__ == "__main__":
    write()
