"""The command: `python -m benchmarks.scaling`, with what to do."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from benchmarks.__main__ import raise_limits, spelled
from benchmarks.scaling import calibration, growth, partitions, predictions, reality
from benchmarks.scaling.costs import SOURCES, Costs
from benchmarks.testbed import Testbed

COMMAND = "python -m benchmarks.scaling"


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("calibrate", help="measure the costs on this machine: a minute")
    check = commands.add_parser("check", help="run scenarios for real, some minutes, and compare")
    check.add_argument("--sockets", type=int, default=10_000)
    commands.add_parser("compare", help="predict what the last check has measured")
    commands.add_parser("predict", help="print the tables of docs/operating/scaling.md: a minute")
    commands.add_parser("grow", help="measure what the database's rows take: a minute")
    partition = commands.add_parser("partition", help="compare tables with partitioned ones")
    partition.add_argument("--rows", type=int, default=4_000_000)
    partition.add_argument("--inboxes", type=int, default=40_000)
    return parser.parse_args(arguments)


def main() -> int:
    """Do it, and print the figures."""
    options = parse(sys.argv[1:])
    spelling = spelled(sys.argv[1:]).replace("benchmarks", "benchmarks.scaling", 1)
    raise_limits()
    if options.command == "calibrate":
        found = _on_testbed(lambda testbed: calibration.calibrate(testbed, spelling))
        calibration.save(found)
        for name, value in found["figures"].items():
            print(f"{name:24} {value:,.4g}")
    elif options.command in {"check", "compare"}:
        if options.command == "check":
            reality.save(
                _on_testbed(lambda testbed: reality.measure(testbed, options.sockets, spelling))
            )
        for each in reality.compare(reality.read(), Costs.calibrated()):
            print(
                f"{each.figure:45} {each.predicted:10,.4g} {each.measured:10,.4g} {each.ratio:6.2f}"
            )
    elif options.command == "predict":
        _predict()
    elif options.command == "partition":
        with Testbed() as testbed:
            found = partitions.measure(testbed, options.rows, options.inboxes, spelling)
        print(json.dumps(found["figures"], indent=1))
    else:
        print(json.dumps(_on_testbed(lambda testbed: growth.measure(testbed, spelling)), indent=1))
    return 0


def _predict() -> None:
    costs = Costs.published()
    print(predictions.costs_table(costs, Costs.calibrated(), SOURCES), end="\n\n")
    for make in (
        predictions.capacities,
        predictions.latencies,
        predictions.storms,
        predictions.restarts,
        predictions.outages,
        predictions.bulks,
    ):
        print(make(costs), end="\n\n", flush=True)


def _on_testbed(run: Callable[[Testbed], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    with Testbed() as testbed:
        return uvloop.run(run(testbed))


if __name__ == "__main__":
    sys.exit(main())
