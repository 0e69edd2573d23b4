"""The results of a siege as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.chaos.report import MEGABYTE, machine
from tests.siege.measuring import Result

COLUMNS = (
    "attack",
    "from",
    "p50 quiet",
    "p50",
    "p99 quiet",
    "p99 elsewhere",
    "p99",
    "ratio",
    "server's CPU",
    "memory",
    "after",
    "attackers got",
)
OUTCOMES_SHOWN = 4


def markdown(command: str, results: Sequence[Result]) -> str:
    """Return command, date, machine and a table with a row for each result."""
    lines = [f"`{command}` on {datetime.now(UTC):%Y-%m-%d}, on {machine()}:", ""]
    lines += [_row(COLUMNS), _row(["---"] * len(COLUMNS)), *map(row, results)]
    return "\n".join(lines)


def row(result: Result) -> str:
    """Return the row of a result. Times are milliseconds, memory is in MB beyond that of the first quiet round."""
    medians = [each.latency(0.5) for each in (result.quiet, result.attacked)]
    p99s = [each.latency(0.99) for each in (result.quiet, result.elsewhere, result.attacked)]
    after = result.memory_after - result.memory_before
    return _row(
        [
            f"`{result.attack.name}`: {result.attack.summary}",
            str(result.addresses),
            *(f"{each:.1f}" for each in medians + p99s),
            f"{result.ratio:.2f}",
            f"+{100 * result.cpu:.0f} %",
            f"{result.growth / MEGABYTE:+.0f}",
            f"{after / MEGABYTE:+.0f}",
            _outcomes(result),
        ]
    )


def _outcomes(result: Result) -> str:
    shown = list(result.outcomes.items())[:OUTCOMES_SHOWN]
    return ", ".join(f"{name}: {count}" for name, count in shown)


def problems(results: Sequence[Result]) -> Iterator[str]:
    """Yield a line for each problem."""
    for result in results:
        for problem in result.problems():
            yield f"{result.attack.name} from {result.addresses}: {problem}"


def kinds(result: Result) -> str:
    """Return the p99 of each activity: quiet, under attack elsewhere, and under attack."""
    rounds = (result.quiet, result.elsewhere, result.attacked)
    names = sorted({name for name, _ in result.quiet.latencies})
    return ", ".join(
        f"{name} {' -> '.join(f'{each.latency(0.99, name):.1f}' for each in rounds)}"
        for name in names
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
