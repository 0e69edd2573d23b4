"""`python -m tests.siege`: floods a real server, and measures what another user notices. See `make siege`."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
from collections.abc import Sequence

from tests.siege import account_attacks, connection_attacks, report  # noqa: F401  # they fill the table
from tests.siege.attack import ATTACKS, Attack
from tests.siege.measuring import Result, measure
from tests.siege.site import Site
from tests.stacks.process_registry import ProcessRegistry


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="make siege",
        description="Attack a real server in many ways, and measure what another user notices. Fails if that user's "
        "p99 is 1.5 times that without an attack on this server, if the server's memory grows by 50 MB, or if a "
        "delivery is lost.",
    )
    parser.add_argument(
        "--attack", action="append", choices=sorted(ATTACKS), help="only this one; may be repeated"
    )
    parser.add_argument("--seconds", type=float, default=7.5, help="of each attack (default: 7.5)")
    parser.add_argument("--rounds", type=int, default=3, help="in so many parts (default: 3)")
    parser.add_argument("--list", action="store_true", help="list the attacks")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run the attacks asked for; return 1 if anything was beyond the limits."""
    options = parsed(arguments)
    chosen = [ATTACKS[name] for name in options.attack or ATTACKS]
    if options.list:
        for attack in chosen:
            print(f"{attack.name:22} {attack.summary}")
        return 0
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    with ProcessRegistry() as process_registry:
        results = asyncio.run(run(Site(process_registry, chosen), chosen, options))
    words = f' ARGS="{" ".join(arguments)}"' if arguments else ""
    print(f"\n{report.markdown(f'make siege{words}', results)}\n")
    problems = list(report.problems(results))
    print("\n".join(problems) or "Nobody noticed anything.", file=sys.stderr)
    return 1 if problems else 0


async def run(site: Site, attacks: Sequence[Attack], options: argparse.Namespace) -> list[Result]:
    """Measure one attack after the other."""
    results = []
    for attack in attacks:
        for addresses in attack.addresses:
            result = await measure(
                site,
                attack,
                addresses,
                rounds=options.rounds,
                seconds=options.seconds / options.rounds,
            )
            print(
                f"{report.row(result)}\n  p99: {report.kinds(result)}", file=sys.stderr, flush=True
            )
            results.append(result)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
