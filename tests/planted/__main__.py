"""`make prove`: plants each bug in a copy of the checkout, and fails if the tests do not notice one within a minute.

make prove ARGS="--list"                              # what is planted
make prove ARGS="wrong-totals late-expiry"            # only these
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

from tests.planted.bugs import BUGS
from tests.planted.planted_bug import Stale
from tests.planted.proving import LIMIT_SECONDS, NotProvable, prove


def main() -> int:
    """Prove what the command line names; return the exit status."""
    arguments = _parser().parse_args()
    by_name = {bug.name: bug for bug in BUGS}
    unknown = [name for name in arguments.names if name not in by_name]
    if unknown:
        print(f"There is no planted bug {', '.join(unknown)}.", file=sys.stderr)
        return 2
    bugs = [by_name[name] for name in arguments.names] or list(BUGS)
    if arguments.list:
        for bug in bugs:
            print(f"{bug.name}: {bug.breaks}")
        return 0
    try:
        outcomes = prove(
            bugs,
            jobs=arguments.jobs,
            limit_seconds=arguments.limit,
            report=partial(print, flush=True),
        )
    except (Stale, NotProvable) as problem:
        print(problem, file=sys.stderr)
        return 1
    missed = [outcome.bug.name for outcome in outcomes if outcome.missed]
    print(f"{len(outcomes) - len(missed)} of {len(outcomes)} planted bugs were caught.")
    if missed:
        print(f"Missed: {', '.join(missed)}")
    return int(bool(missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("names", nargs="*", help="the bugs to plant; all without a name")
    parser.add_argument("--list", action="store_true", help="print what is planted, and end")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="bugs at a time")
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="seconds for each bug")
    return parser


if __name__ == "__main__":
    sys.exit(main())
