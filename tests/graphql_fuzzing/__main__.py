"""`python -m tests.graphql_fuzzing --inputs 1000000 --seed 7 [--stack production]`: a long run of the fuzzer."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

parser = argparse.ArgumentParser(prog="python -m tests.graphql_fuzzing", description=__doc__)
parser.add_argument("--inputs", type=int, default=100_000, help="for each of the three ways in")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--stack", default="embedded")
given = parser.parse_args()
environment = {**os.environ, "FUZZ_INPUTS": str(given.inputs), "FUZZ_SEED": str(given.seed)}
command = [sys.executable, "-m", "pytest", "-q", "-n0", "--timeout=0", f"--stack={given.stack}"]
sys.exit(subprocess.run([*command, "tests/graphql_fuzzing"], env=environment).returncode)
