"""The command: `python -m benchmarks` (or `make bench`), `--quick` for a few minutes (`make bench-quick`)."""

from __future__ import annotations

import argparse
import resource
import sys
from contextlib import suppress
from itertools import product
from pathlib import Path

import uvloop

from benchmarks import report
from benchmarks.figures import Row
from benchmarks.machine import describe
from benchmarks.peers.peer import Missing, Peer
from benchmarks.peers.registry import QUICK, peers
from benchmarks.report import section
from benchmarks.results import DIRECTORY, Results, load
from benchmarks.testbed import Testbed
from benchmarks.workloads.catalogue import WORKLOADS

QUICK_RESULTS = Path("var/benchmarks")
QUICK_WORKLOADS = ("fanout", "unicast", "idle")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workloads", help=f"of: {', '.join(WORKLOADS)}", default="")
    parser.add_argument("--peers", help="names, separated by commas", default="")
    parser.add_argument("--rounds", type=int, help="how often each peer does each workload")
    parser.add_argument("--sockets", help="numbers of sockets, separated by commas", default="")
    parser.add_argument("--seconds", type=float, help="how long each measurement lasts")
    parser.add_argument("--quick", action="store_true", help="fewer peers, sockets and rounds")
    parser.add_argument("--earlier", type=Path, help="another checkout, to be measured beside")
    parser.add_argument("--output", type=Path, help="directory of the raw results")
    return parser.parse_args(arguments)


def chosen(text: str, default: tuple[str, ...], known: dict[str, object]) -> list[str]:
    """Return the names in an option; end with a line that names the others if one is wrong."""
    names = [name for name in text.split(",") if name] or list(default)
    if wrong := [name for name in names if name not in known]:
        sys.exit(f"There is no {wrong[0]}; there are {', '.join(known)}.")
    return names


class Suite:
    """One run: workloads, peers and rounds, the peers taking turns."""

    def __init__(self, options: argparse.Namespace, command: str) -> None:
        all_peers = peers(options.earlier)
        default = QUICK if options.quick else tuple(all_peers)
        self.peers = [all_peers[n] for n in chosen(options.peers, default, dict(all_peers))]
        workloads = QUICK_WORKLOADS if options.quick else tuple(WORKLOADS)
        self.workloads = [
            WORKLOADS[name] for name in chosen(options.workloads, workloads, dict(WORKLOADS))
        ]
        self.rounds = options.rounds or (1 if options.quick else 3)
        self.sockets = tuple(int(number) for number in options.sockets.split(",") if number)
        self.default_sockets = (500,) if options.quick else (1000,)
        self.seconds = options.seconds or (2.0 if options.quick else 4.0)
        self.output: Path = options.output or (QUICK_RESULTS if options.quick else DIRECTORY)
        self.command = command
        self.missing: set[str] = set()
        self.failed = False

    async def run(self, testbed: Testbed) -> None:
        """Measure everything; the results are kept after each step."""
        for workload in self.workloads:
            able = [peer for peer in self.peers if workload.is_for(peer)]
            sizes = self.sockets or workload.sizes or self.default_sockets
            results = Results(workload.name, describe(self.command))
            for sockets, number in product(sizes, range(1, self.rounds + 1)):
                for peer in able:
                    await self._measure(testbed, results, peer, sockets, number)
                    results.save(self.output)

    async def _measure(
        self, testbed: Testbed, results: Results, peer: type[Peer], sockets: int, number: int
    ) -> None:
        if peer.name in self.missing:
            return
        try:
            figures = await WORKLOADS[results.workload].measure(
                testbed, peer, sockets, self.seconds
            )
        except Missing as missing:
            self.missing.add(peer.name)
            print(f"{peer.name} is left out: {missing}", flush=True)
        except Exception as error:
            # The others go on: an hour of measurements is not thrown away for one of them.
            self.failed = True
            results.failures.append(
                f"{peer.name}, {sockets} sockets, round {number}: {first_of(error)!r}"
            )
            print(f"{results.workload} {results.failures[-1]}", file=sys.stderr, flush=True)
        else:
            results.rows.append(Row(results.workload, peer.name, sockets, number, figures))
            shown = "  ".join(f"{name} {value:,.5g}" for name, value in figures.items())
            print(f"{results.workload} {sockets} #{number} {peer.name}: {shown}", flush=True)

    def show(self) -> None:
        """Print the tables."""
        for name, results in load(self.output).items():
            if name in {workload.name for workload in self.workloads}:
                print(f"\n{section(results)}", flush=True)


def first_of(error: Exception) -> BaseException:
    """Return one of the errors of a group: all sockets of a server that has ended fail alike."""
    found: BaseException = error
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def spelled(arguments: list[str]) -> str:
    """Return the command as the results keep it: of directories, only the names."""
    return " ".join(["python -m benchmarks", *(each.rpartition("/")[2] for each in arguments)])


def raise_limits() -> None:
    """Allow as many open files as the system lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> int:
    """Measure, keep the results, show them; return 0 if nothing failed."""
    arguments = sys.argv[1:]
    raise_limits()
    suite = Suite(parse(arguments), spelled(arguments))
    with suppress(KeyboardInterrupt), Testbed() as testbed:
        uvloop.run(suite.run(testbed))
    suite.show()
    if suite.output == DIRECTORY:
        report.write()
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
