"""`python -m tests.chaos`: injects every fault, and proves that nothing was lost. See `make chaos`."""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.chaos import faults, schedule
from tests.chaos.database import Database, PostgresDatabase, SqliteDatabase
from tests.chaos.report import Report, machine
from tests.chaos.run import Outcome, Run
from tests.chaos.system import Size, SystemUnderTest
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.redis_server import RedisServer
from tests.stacks.stack import DATABASE, Stack
from tests.stacks.uvicorn_server import REPOSITORY

PROFILES = ("each", "mixed", "jitter")
REPORTS = REPOSITORY / "var" / "chaos"
JITTER_EVERY, JITTER_AWAY, JITTER_PER_SECOND = 15.0, 2.0, 2.0
"""Of the profile `jitter`: seconds connected, seconds away, messages to each stream."""


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Run real servers and clients under faults, and compare all that they saw with the log.",
    )
    parser.add_argument("--profile", choices=[*PROFILES, "all"], default="all")
    parser.add_argument("--stack", choices=["embedded", "production"], default="production")
    parser.add_argument("--seed", type=int, help="replays a run; made up unless given")
    parser.add_argument("--seconds", type=float, default=120.0, help="of mixed and of jitter")
    parser.add_argument("--fault-seconds", type=float, default=5.0, help="of each fault in each")
    parser.add_argument("--clients", type=int, help="sockets (default: 300; 1000 in jitter)")
    parser.add_argument(
        "--devices", type=int, help="clients of one inbox (default: 6; 20 in jitter)"
    )
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument(
        "--rate", type=float, default=30.0, help="changes per second, by all writers"
    )
    parser.add_argument("--faults", default="", help="only these, separated by commas")
    parser.add_argument("--report", type=Path, default=REPORTS, help="where reports go")
    chosen = parser.parse_args(arguments)
    unknown = set(filter(None, chosen.faults.split(","))) - set(faults.FAULTS)
    if unknown:
        parser.error(
            f"unknown faults: {', '.join(sorted(unknown))}; there are {', '.join(faults.FAULTS)}"
        )
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Run the profiles asked for; return 1 if anything was wrong."""
    options = parsed(arguments)
    seed = random.SystemRandom().randrange(10_000) if options.seed is None else options.seed
    _allow_many_sockets()
    report = Report(command=_command(options, seed), seed=seed, machine=machine())
    report_progress(f"{report.command}\n{report.machine}")
    for profile in PROFILES if options.profile == "all" else (options.profile,):
        report_progress(f"profile {profile}:")
        with ProcessRegistry() as process_registry:
            report.outcomes.append(run(process_registry, profile, options, seed))
        path = report.write(options.report)
    report_progress(f"{report.summary()}\n{path}")
    return 0 if report.is_good else 1


def run(
    process_registry: ProcessRegistry, profile: str, options: argparse.Namespace, seed: int
) -> Outcome:
    """Run one profile on servers of its own."""
    is_jitter = profile == "jitter"
    size = Size(
        seed=seed,
        clients=options.clients or (1000 if is_jitter else 300),
        devices=options.devices or (20 if is_jitter else 6),
        servers=options.servers,
        rate=options.rate,
    )
    with closing(make_system(process_registry, options.stack, size)) as system:
        system.start()
        chaos_run = Run(system, profile, report_progress)
        chaos_run.begin(writers=not is_jitter)
        if not is_jitter:
            chaos_run.quiet()
        if is_jitter:
            jitter(system, options.seconds)
        else:
            inject_faults(chaos_run, profile, system, options, seed)
        outcome = chaos_run.prove()
        _keep_logs(system, options.report / "logs", profile)
    report_progress(
        f"  {'good' if outcome.is_good else 'NOT GOOD'}: {outcome.deliveries} deliveries compared"
    )
    return outcome


def _keep_logs(system: SystemUnderTest, directory: Path, profile: str) -> None:
    """Keep the logs of the last run's servers."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, server in enumerate(system.servers, 1):
        (directory / f"{profile}-server-{number}.log").write_text(server.log())


def inject_faults(
    chaos_run: Run, profile: str, system: SystemUnderTest, options: argparse.Namespace, seed: int
) -> None:
    """Make the schedule of a profile and inject its faults."""
    targets = faults.possible(system)
    if options.faults:
        targets = {name: targets[name] for name in options.faults.split(",") if name in targets}
    if profile == "each":
        seconds = options.fault_seconds
        chaos_run.each(schedule.one_after_the_other(seed, list(targets), seconds=seconds, pause=0))
        return
    targets = {name: what for name, what in targets.items() if not faults.FAULTS[name].only_alone}
    least = {name: faults.FAULTS[name].least_seconds for name in targets}
    chaos_run.mixed(schedule.mixed(seed, targets, seconds=options.seconds, least=least))


def jitter(system: SystemUnderTest, seconds: float) -> None:
    """Cut every client off again and again while each stream gets messages at a steady pace."""
    system.write("steady", "steady", per_second=JITTER_PER_SECOND)
    system.client_pool.request("drop_often", every=JITTER_EVERY, away=JITTER_AWAY)
    for elapsed in range(int(seconds)):
        if elapsed % 30 == 0:
            following = sum(
                is_following for is_following, _ in system.client_pool.request("status")
            )
            report_progress(
                f"  {elapsed} s, {following} of {system.size.clients} clients are connected"
            )
        time.sleep(1)
    system.client_pool.request("drop_often", every=0, away=0)


def make_system(process_registry: ProcessRegistry, name: str, size: Size) -> SystemUnderTest:
    """Return a system with its own servers, durable as in production."""
    stack = Stack("production" if name == "production" else "embedded", process_registry)
    postgres = (
        PostgresServer(process_registry, durable=True).start() if stack.is_production else None
    )
    redis = RedisServer(process_registry).start() if stack.is_production else None
    stack.cluster, stack.redis = postgres, redis
    stack.apply(os.environ)
    database: Database
    if postgres is not None:
        database = PostgresDatabase(postgres, postgres.create_database(DATABASE))
    else:
        database = SqliteDatabase(stack.environment()["DATABASE_URL"])
    system = SystemUnderTest(
        process_registry,
        size,
        database,
        environment=stack.environment(),
        redis=redis,
        postgres=postgres,
    )
    system.python("manage.py", "migrate", "--verbosity", "0")
    return system


def _command(options: argparse.Namespace, seed: int) -> str:
    given = {**vars(options), "seed": seed}
    given.pop("report")
    words = [f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value]
    return f'make chaos ARGS="{" ".join(words)}"'


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def report_progress(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
