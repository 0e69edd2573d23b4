"""The speed of `manage.py import_notifications`: `python -m benchmarks.importing`.

Writes a file of JSON lines with invented notifications, and imports it into a PostgreSQL of its own with the
settings of production. The command and the database share one processor. Both figures are printed: rows for each
second, and rows for each second of processor time, which other processes of the machine do not change.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from benchmarks.machine import describe
from benchmarks.processes import cpu_seconds, pin
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

USERS = """
INSERT INTO auth_user
  (username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined)
SELECT 'user' || n, '', false, false, true, '', '', 'user' || n || '@example.com', now()
FROM generate_series(1, %s) AS series(n)
"""


def main() -> None:
    """Import, and print the rows for each second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=10_000)
    options = parser.parse_args()
    registry = ProcessRegistry()
    try:
        cost = measure(registry, rows=options.rows, users=options.users)
    finally:
        registry.close()
    machine = describe("python -m benchmarks.importing")["machine"]["processor"]
    print(
        f"{options.rows:,} rows for {options.users:,} users: {options.rows / cost.seconds:,.0f} rows a second,"
        f" {options.rows / cost.processor_seconds:,.0f} rows a second of processor time"
        f" (command {cost.command_seconds:.1f} s, PostgreSQL {cost.database_seconds:.1f} s) on {machine}"
    )


@dataclass(frozen=True)
class Cost:
    """What an import has taken, in seconds: by the clock, and of the processor in each process."""

    seconds: float
    command_seconds: float
    database_seconds: float

    @property
    def processor_seconds(self) -> float:
        """The time of the processor in both processes."""
        return self.command_seconds + self.database_seconds


def measure(registry: ProcessRegistry, *, rows: int, users: int) -> Cost:
    """Import invented rows, and return what it has taken."""
    stack = Stack("production", registry)
    server = PostgresServer(registry, durable=True).start()
    stack.cluster = server
    environment = dict(os.environ)
    stack.apply(environment)
    environment["DATABASE_URL"] = server.create_database("inbox")
    manage(environment, "migrate", "--verbosity=0", "--skip-checks")
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute(USERS, [users])
    path = registry.new_directory("files") / "notifications.jsonl"
    write_rows(path, rows=rows, users=users)
    processor = set(sorted(os.sched_getaffinity(0))[:1])
    pin(server.child.pid, processor)
    pin(os.getpid(), processor)
    before = Cost(time.perf_counter(), _command_seconds(), _database_seconds(server))
    manage(environment, "import_notifications", "--from", "jsonl", str(path))
    return Cost(
        time.perf_counter() - before.seconds,
        _command_seconds() - before.command_seconds,
        _database_seconds(server) - before.database_seconds,
    )


def _command_seconds() -> float:
    """Return the processor time of the commands that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _database_seconds(server: PostgresServer) -> float:
    """Return the processor time of the server, and of the sessions that have ended."""
    times = psutil.Process(server.child.pid).cpu_times()
    return cpu_seconds([server.child.pid]) + times.children_user + times.children_system


def write_rows(path: Path, *, rows: int, users: int) -> None:
    """Write notifications for users in turn, every second one of them read."""
    with path.open("w") as file:
        for number in range(rows):
            row = {
                "key": f"old:{number}",
                "recipient": number % users + 1,
                "sender": (number + 7) % users + 1 if number % 3 else None,
                "type": "billing.invoice",
                "title": f"Invoice {number} has been paid",
                "message": "The amount has been credited to your account. " * 3,
                "link": f"/invoices/{number}/",
                "data": {"invoice": number, "currency": "EUR"},
                "created_at": "2024-05-01T12:00:00Z",
                "read": number % 2 == 0,
            }
            file.write(json.dumps(row) + "\n")


def manage(environment: dict[str, str], *arguments: str) -> None:
    """Run a command of the site."""
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)


if __name__ == "__main__":
    main()
