"""`python -m tests.fuzzing`: sends generated input to a real server, through every door or through some.

    python -m tests.fuzzing --inputs 1000000 --seed 7
    python -m tests.fuzzing --door http --stack production
    python -m tests.fuzzing --door http --seed 7 --from 4711 --inputs 1

Prints how to replay each attempt that broke a promise. Exits with 1 then.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.fuzzing.door_names import DOOR_NAMES, door_names

parser = argparse.ArgumentParser(
    prog="python -m tests.fuzzing", description="Send generated input to a real server."
)
parser.add_argument(
    "--door",
    type=door_names,
    default="",
    metavar="NAMES",
    help=f"only these, separated by commas: {', '.join(DOOR_NAMES)}",
)
parser.add_argument("--inputs", type=int, default=100_000, help="for each door")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first attempt")
parser.add_argument("--stack", choices=["embedded", "production"], default="embedded")
given = parser.parse_args()
environment = {
    **os.environ,
    "FUZZ_DOORS": ",".join(given.door),
    "FUZZ_INPUTS": str(given.inputs),
    "FUZZ_SEED": str(given.seed),
    "FUZZ_FIRST": str(given.first),
}
command = [
    sys.executable,
    "-m",
    "pytest",
    "-q",
    "-s",
    "-n0",
    "--timeout=0",
    f"--stack={given.stack}",
]
sys.exit(subprocess.run([*command, "tests/fuzzing/test_run.py"], env=environment).returncode)
