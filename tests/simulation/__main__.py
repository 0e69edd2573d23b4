"""`python -m tests.simulation`: simulates the whole protocol, thousands of seeds in a minute.

    python -m tests.simulation --seeds 5000
    python -m tests.simulation --profile failover --seed 272 --steps 3,17
    python -m tests.simulation --planted

Prints the first seed of each profile that breaks a promise, with the fewest steps that show it. Exits with 1 then.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence

HASH_SEED = "0"
"""The order of sets depends on it, and so does what happens in a simulation."""


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Simulate the delivery of events under faults, on virtual time.",
    )
    parser.add_argument("--profile", default="", help="only these, separated by commas")
    parser.add_argument("--seeds", type=int, default=1000, help="of each profile")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="replays one simulation, and prints its trace")
    parser.add_argument("--steps", default="", help="of --seed: only the steps of these numbers")
    parser.add_argument("--planted", action="store_true", help="plant bugs, which must be found")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run what the command line asks for; return 1 if a promise was broken, or a planted bug not found."""
    options = parsed(arguments)
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *arguments])
    _set_up()
    # Only now: they import models.
    from tests.simulation import commands

    names = [name for name in options.profile.split(",") if name]
    if options.seed is not None:
        return commands.replay(names or ["ordinary"], options.seed, options.steps)
    if options.planted:
        return commands.find_planted(options.seeds)
    began = time.monotonic()
    code = commands.simulate_all(names, range(options.first, options.first + options.seeds))
    print(f"{time.monotonic() - began:.0f} s")
    return code


def _set_up() -> None:
    os.environ.setdefault("ENVIRONMENT", "test")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "live_inbox_site.settings")
    import django

    django.setup()
    # Faults are what is simulated; each is logged.
    logging.disable(logging.CRITICAL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
