"""`python -m tests.list_cost`: counts what a page costs with every filter, on SQLite and on PostgreSQL.

    python -m tests.list_cost
    python -m tests.list_cost --rows 100,200000 --stack production

For each size there is an inbox of one user. Prints the most that a page has cost, by what finds its rows, and exits
with 1 if a page cost more than `pages.py` allows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

STACKS = ("embedded", "production")

parser = argparse.ArgumentParser(
    prog="python -m tests.list_cost", description="Count what a page costs with every filter."
)
parser.add_argument("--rows", default="100,1000000", help="sizes of inboxes")
parser.add_argument("--stack", choices=STACKS, help="only on this one")
given = parser.parse_args()
environment = {**os.environ, "LIST_COST_ROWS": given.rows}
command = [sys.executable, "-m", "pytest", "-q", "-s", "-n0", "--timeout=0"]
codes = [
    subprocess.run([*command, f"--stack={stack}", "tests/list_cost"], env=environment).returncode
    for stack in ([given.stack] if given.stack else STACKS)
]
sys.exit(max(codes))
