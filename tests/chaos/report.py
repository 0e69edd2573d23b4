"""The report of a run: what was done on which machine, and what came of it, as Markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.chaos.measuring import Replays
from tests.chaos.run import Outcome

PACKAGES = ("Django", "redis", "hiredis", "strawberry-graphql", "uvicorn", "websockets")
MEGABYTE = 1 << 20


def machine() -> str:
    """Return what the numbers depend on."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return f"{system}, Python {platform.python_version()}, {packages}"


@dataclass
class Report:
    """Everything about one call of the command."""

    command: str
    seed: int
    machine: str
    outcomes: list[Outcome] = field(default_factory=list)
    date: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong in any profile."""
        return all(outcome.is_good for outcome in self.outcomes)

    def summary(self) -> str:
        """Return the sum in one line for each profile, with what was wrong."""
        return "\n".join(line for outcome in self.outcomes for line in _summary(outcome))

    def write(self, directory: Path) -> Path:
        """Write both forms and return the path of the Markdown."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.date:%Y-%m-%d-%H%M%S}-seed-{self.seed}.md"
        path.write_text(self.markdown())
        path.with_suffix(".json").write_text(json.dumps(self.data(), indent=1))
        return path

    def data(self) -> dict[str, object]:
        """Return everything, as JSON can carry it."""
        return {
            "command": self.command,
            "seed": self.seed,
            "machine": self.machine,
            "date": self.date.isoformat(),
            "good": self.is_good,
            "outcomes": [_data(outcome) for outcome in self.outcomes],
        }

    def markdown(self) -> str:
        """Return it for people."""
        lines = [
            f"# Chaos, {self.date:%Y-%m-%d %H:%M} UTC: {'good' if self.is_good else 'NOT GOOD'}",
            "",
            f"`{self.command}`",
            "",
            self.machine,
        ]
        for outcome in self.outcomes:
            lines += ["", f"## {outcome.profile}", "", *_summary(outcome)]
            if outcome.measured:
                lines += ["", *_table(outcome)]
            if outcome.counts:
                lines += ["", "What was done, counted:", ""]
                lines += [f"- {name}: {count:g}" for name, count in outcome.counts.items()]
            if outcome.tracebacks:
                lines += ["", "Tracebacks in the servers' logs:", ""]
                lines += [f"- {count} x `{error}`" for error, count in outcome.tracebacks.items()]
        return "\n".join(lines) + "\n"


def _summary(outcome: Outcome) -> Iterator[str]:
    wrong = sum(outcome.found.values()) + len(outcome.failures)
    yield (
        f"{outcome.profile}: {wrong or 'no'} violations; {outcome.events} events committed, "
        f"{outcome.deliveries} deliveries over {outcome.connections} connections compared; "
        f"{sum(outcome.tracebacks.values())} tracebacks; servers had {outcome.memory[0] / MEGABYTE:.0f} MB "
        f"before and {outcome.memory[1] / MEGABYTE:.0f} MB after; {outcome.seconds:.0f} s"
    )
    if outcome.profile == "jitter" and outcome.replays is not None:
        yield _replays(outcome.replays)
    yield from (f"- {note}" for note in outcome.notes)
    yield from (f"- {count} x {kind}" for kind, count in outcome.found.items())
    yield from (f"- {str(violation)[:400]}" for violation in outcome.violations)
    yield from (f"- {failure}" for failure in outcome.failures)


def _replays(measured: Replays) -> str:
    p50, p95, p99 = (1000 * measured.percentile(part) for part in (0.5, 0.95, 0.99))
    return (
        f"delivered {measured.percent:.3f} % ({measured.delivered} of {measured.due}); "
        f"{measured.reconnects} reconnects, replay p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
    )


def _table(outcome: Outcome) -> Iterator[str]:
    yield (
        "| fault | lasted | cut off | caught up after its end: median, longest "
        "| delay of events: median, longest | first commit after its end | resets |"
    )
    yield "|---|---|---|---|---|---|---|"
    for each in outcome.measured:
        resets = ", ".join(f"{count} {reason}" for reason, count in each.resets.items()) or "none"
        yield (
            f"| {each.fault} | {each.lasted:.1f} s | {each.cut_off} of {each.clients} | "
            f"{each.caught_up_median:.2f} s, {each.caught_up_longest:.2f} s | "
            f"{each.delay_median:.2f} s, {each.delay_longest:.2f} s | {each.commit:.2f} s | {resets} |"
        )


def _data(outcome: Outcome) -> dict[str, object]:
    data = asdict(outcome)
    data["violations"] = [str(violation) for violation in outcome.violations]
    if outcome.replays is not None:
        data["replays"].pop("latencies")
        percentiles = {f"p{part}": outcome.replays.percentile(part / 100) for part in (50, 95, 99)}
        data["replays"] |= {"percent": outcome.replays.percent, **percentiles}
    return data
