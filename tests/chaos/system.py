"""Everything that a run consists of: database, Redis, servers, writers and clients."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.clients import ClientSpec
from tests.chaos.database import Archive, Database, PostgresDatabase
from tests.chaos.history import Claim, Follower, Item, Original, Place
from tests.chaos.relay_process import RelayProcess
from tests.chaos.writing import Orders
from tests.stacks.child import Child
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.python_process import run_python
from tests.stacks.redis_server import RedisServer
from tests.stacks.uvicorn_server import REPOSITORY, ServerProcess

PROTOCOLS = ("transport", "older", "limited", "original", "transport")
SINGLE_CLIENT_INBOXES = 2
"""Inboxes that only one client follows: no second client keeps them open."""
LINGER_SECONDS = 1.0
"""Short, so that live streams without subscribers are soon dropped."""
EXPIRY_SECONDS = 1.0
ADVANCE_SECONDS = 1.0
"""Short, so that clients that are limited by types come to the end of the log as soon as the others."""
LIVE_EVENTS = 64
"""Fewer than usual, so that a run reads the log often."""
WAIT_SECONDS = 60.0
LISTS_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is. `rate` is what the writers do in a second, all of them together."""

    seed: int = 1
    clients: int = 300
    devices: int = 6
    servers: int = 2
    rate: float = 30.0
    reconcile_seconds: float = 2.0

    @property
    def inboxes(self) -> int:
        """How many inboxes there are."""
        return (
            max(1, (self.clients - SINGLE_CLIENT_INBOXES) // self.devices) + SINGLE_CLIENT_INBOXES
        )


class SystemUnderTest:
    """The parts of one run, and what can be done to them. `start` puts it together, `close` ends it."""

    def __init__(
        self,
        process_registry: ProcessRegistry,
        size: Size,
        database: Database,
        *,
        environment: Mapping[str, str],
        redis: RedisServer | None = None,
        postgres: PostgresServer | None = None,
    ) -> None:
        self.size = size
        self.database = database
        self.redis = redis
        self.postgres = postgres
        self.archive = Archive(database)
        self.expected_resets: dict[str, str] = {}
        self.notes: list[str] = []
        self.failures: list[str] = []
        """What the faults themselves have found wrong."""
        self.effects: dict[str, dict[str, float]] = {}
        """What each fault has done, counted: by fault, then by what was counted."""
        self.relay: RelayProcess | None = None
        self.clocks = ["clock"]
        """The files that set clocks wrong: that of all writers and commands, then one for each server."""
        self.rng = random.Random(size.seed)
        self._process_registry = process_registry
        self.directory = process_registry.new_directory("chaos")
        self.environment = {
            **environment,
            "DATABASE_URL": database.url,
            "REDIS_URL": redis.url if redis else "",
            "DJANGO_SETTINGS_MODULE": "tests.chaos.faulty_settings",
            "CHAOS_DIRECTORY": str(self.directory),
            "RECONCILE_SECONDS": str(size.reconcile_seconds),
            "LINGER_SECONDS": str(LINGER_SECONDS),
            "LIVE_EVENTS": str(LIVE_EVENTS),
            "EXPIRY_SECONDS": str(EXPIRY_SECONDS),
            "CHAOS_ADVANCE_SECONDS": str(ADVANCE_SECONDS),
            "SEND_RATE": "1000000/minute burst 1000000",
            "RECIPIENT_RATE": "1000000/minute burst 1000000",
            "CHANGE_RATE": "1000000/minute burst 1000000",
            "OPERATION_RATE": "1000000/second burst 1000000",
        }
        self.servers: list[ServerProcess] = []
        self.users: list[tuple[int, str]] = []
        self.specs: list[ClientSpec] = []
        self._writers: list[tuple[Orders, Child]] = []
        self._records: list[Path] = []
        self._writer_count = 0
        self._client_pool: ClientPoolProcess | None = None
        self._was_mixed = False

    # -- beginning and end --------------------------------------------------------------------------------

    def start(self) -> None:
        """Make users, start servers, let the clients come; writers are started by `start_writers`."""
        printed = self.python("-m", "tests.chaos.seeding", str(self.size.inboxes))
        self.users = [(user, token) for user, token in json.loads(printed)]
        self.database.keep_pruned()
        self.database.copy_aside()
        if isinstance(self.database, PostgresDatabase):
            self.relay = RelayProcess(
                self.spawn,
                self.directory,
                database=self.database.socket,
                redis=self.redis.port if self.redis else None,
            )
        self.clocks += [f"clock-of-server-{n}" for n in range(self.size.servers)]
        self.servers = [
            ServerProcess(
                self._process_registry, self.server_environment | {"CHAOS_CLOCK": clock}
            ).start()
            for clock in self.clocks[1:]
        ]
        self.specs = self._client_specs()
        addresses = [server.ws for server in self.servers]
        self._client_pool = ClientPoolProcess(self.spawn, self.directory, self.specs, addresses)

    @property
    def server_environment(self) -> dict[str, str]:
        """The environment of the servers: they use the database and Redis by way of the relay."""
        if self.relay is None:
            return self.environment
        through = {"DATABASE_URL": self.relay.database_url(self.database.url)}
        if self.redis is not None:
            through["REDIS_URL"] = self.relay.redis_url(self.redis.url)
        return self.environment | through

    def _client_specs(self) -> list[ClientSpec]:
        """Give every client its inbox and protocol. The inboxes with a single client are the last ones."""
        shared_inboxes = self.users[:-SINGLE_CLIENT_INBOXES]
        specs = []
        for number in range(self.size.clients):
            alone = number - (self.size.clients - SINGLE_CLIENT_INBOXES)
            user, token = (
                self.users[alone - SINGLE_CLIENT_INBOXES]
                if alone >= 0
                else shared_inboxes[number % len(shared_inboxes)]
            )
            protocol = (
                "transport"
                if alone >= 0
                else PROTOCOLS[(number // len(shared_inboxes)) % len(PROTOCOLS)]
            )
            seed = self.rng.randrange(1 << 30)
            specs.append(ClientSpec(f"{protocol} {number}", user, token, protocol, seed))
        return specs

    def close(self) -> None:
        """End everything that this has started."""
        for _, child in self._writers:
            child.kill()
        if self._client_pool is not None:
            self._client_pool.close()
        for server in self.servers:
            server.kill()
        if self.relay is not None:
            self.relay.close()

    def python(self, *arguments: str) -> str:
        """Run a module or script of the repository in the run's environment, and return what it prints."""
        return run_python(*arguments, environment={**os.environ, **self.environment})

    def spawn(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a module of the repository in the run's environment, or in another one."""
        return Child(
            self._process_registry,
            [sys.executable, *arguments],
            log=self.directory / f"{name}.log",
            environment={**os.environ, **(environment or self.environment)},
            directory=REPOSITORY,
            stop_signal=signal.SIGTERM,
        )

    @property
    def sqlite(self) -> Database | None:
        """The database, if it is a file."""
        return self.database if self.relay is None else None

    # -- writers ------------------------------------------------------------------------------------------

    def start_writers(self) -> None:
        """Start those that write all the time: two by the services, two by GraphQL, one by the JSON API."""
        rate = self.size.rate
        self.write("worker-1", "mixed", per_second=rate * 0.25)
        self.write("worker-2", "mixed", per_second=rate * 0.25)
        self.write("http", "http", per_second=rate * 0.2)
        self.write("socket", "socket", per_second=rate * 0.15)
        self.write("json", "json", per_second=rate * 0.15)
        self._was_mixed = True

    @property
    def was_mixed(self) -> bool:
        """Whether the writers that do everything have been started."""
        return self._was_mixed

    def write(
        self,
        name: str,
        style: str,
        *,
        per_second: float,
        inboxes: Sequence[int] | None = None,
        environment: Mapping[str, str] | None = None,
        title: str = "",
        is_recorded: bool = True,
    ) -> Child:
        """Start a writer. It writes to all inboxes unless some are given.

        What a writer of another database does is not recorded: this system must not show it.
        """
        chosen = [(user, token) for user, token in self.users if inboxes is None or user in inboxes]
        record = self.directory / f"{name}-{self._writer_count}.record"
        self._writer_count += 1
        if is_recorded:
            self._records.append(record)
        orders = Orders(
            name=name,
            style=style,
            seed=self.size.seed + self._writer_count,
            inboxes=[user for user, _ in chosen],
            tokens=[token for _, token in chosen],
            servers=[server.http for server in self.servers],
            per_second=per_second,
            record=str(record),
            operator=self.users[0],
            title=title,
        )
        file = self.directory / f"{record.name}.orders"
        file.write_text(json.dumps(asdict(orders)))
        arguments = ("-m", "tests.chaos.writers", str(file))
        child = self.spawn(name, *arguments, environment=environment)
        self._writers.append((orders, child))
        return child

    def stop_writers(self) -> None:
        """Stop all writers; each finishes what it does."""
        stopping, self._writers = self._writers, []
        for orders, child in stopping:
            if not child.running:
                raise RuntimeError(f"The writer {orders.name} has ended.\n{child.tail()}")
        for _, child in stopping:
            child.stop(seconds=STOP_SECONDS)

    def kill_writers(self, name: str) -> None:
        """End the writers of a name where they are: the database may not be able to finish anything now."""
        for orders, child in self._writers:
            if orders.name == name:
                child.kill()
        self._writers = [each for each in self._writers if each[0].name != name]

    def claims(self, writer: str = "") -> list[Claim]:
        """Return what all writers have recorded, or those whose names begin so."""
        records = [each for each in self._records if each.name.startswith(writer)]
        written = [record.read_text() for record in records if record.exists()]
        # What is being written at this moment is not a whole line yet.
        lines = [line for text in written for line in text.rpartition("\n")[0].splitlines()]
        return [Claim(**json.loads(line)) for line in lines]

    # -- clients ------------------------------------------------------------------------------------------

    @property
    def client_pool(self) -> ClientPoolProcess:
        """The clients."""
        assert self._client_pool is not None
        return self._client_pool

    def wait_until_caught_up(
        self, heads: Mapping[int, Place], *, seconds: float = WAIT_SECONDS
    ) -> list[str]:
        """Wait until every client follows and has come as far as these places; return who has not, in time.

        Clients of the JSON API have no positions: they only have to be connected.
        """
        deadline = time.monotonic() + seconds
        while (behind := self._behind(heads)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return behind

    def _behind(self, heads: Mapping[int, Place]) -> list[str]:
        behind = []
        for spec, (is_following, known) in zip(
            self.specs, self.client_pool.request("status"), strict=True
        ):
            head = heads[spec.inbox]
            if not is_following or (spec.protocol != "original" and not _has_reached(known, head)):
                behind.append(f"{spec.name} (inbox {spec.inbox}): {known} of {head}")
        return behind

    def wait_until_lists_match(
        self, digests: Mapping[int, int], *, seconds: float = LISTS_SECONDS
    ) -> list[str]:
        """Wait until every client of the JSON API has the list that is in the database."""
        deadline = time.monotonic() + seconds
        while True:
            behind = [
                spec.name
                for spec, (_, known) in zip(
                    self.specs, self.client_pool.request("status"), strict=True
                )
                if spec.protocol == "original" and known != digests[spec.inbox]
            ]
            if not behind or time.monotonic() > deadline:
                return behind
            time.sleep(0.2)

    def histories(self) -> Histories:
        """Return what the clients have received."""
        path = Path(self.client_pool.request("histories", path=str(self.directory / "histories")))
        # Written by our own process, in our own directory.
        followers, originals, closings = pickle.loads(path.read_bytes())
        followers = [
            replace(each, expected_reset=self.expected_resets.get(each.name)) for each in followers
        ]
        return Histories(followers, originals, dict(closings))

    # -- what can be measured -----------------------------------------------------------------------------

    def memory(self) -> dict[int, int]:
        """Return the resident memory of each server process, in bytes."""
        running = [server.child.pid for server in self.servers if server.child.running]
        return {pid: psutil.Process(pid).memory_info().rss for pid in running}

    def sockets(self) -> int:
        """Return how many sockets the servers have open, by their own metrics."""
        return int(self.metric("inbox_sockets{"))

    def metric(self, beginning: str, servers: Sequence[ServerProcess] | None = None) -> float:
        """Return the sum of all metrics whose lines begin so, of all servers unless some are given."""
        found = 0.0
        for server in self.servers if servers is None else servers:
            with urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
            found += sum(float(line.split()[-1]) for line in lines if line.startswith(beginning))
        return found

    def effect(self, fault: str, what: str, count: float) -> None:
        """Record what a fault has done. A fault that did nothing is a failure of the run."""
        counted = self.effects.setdefault(fault, {})
        counted[what] = counted.get(what, 0) + count

    def expect(self, condition: bool, failure: str) -> None:
        """Record a failure of the run unless the condition holds."""
        if not condition:
            self.failures.append(failure)

    def tracebacks(self) -> dict[str, int]:
        """Return how often servers, writers and clients have logged which error with a traceback."""
        found: dict[str, int] = {}
        logs = [server.log() for server in self.servers]
        logs += [path.read_text(errors="replace") for path in self.directory.glob("*.log")]
        for log in logs:
            for error in _errors(log.splitlines()):
                found[error] = found.get(error, 0) + 1
        return found


def _has_reached(known: str | None, head: Place) -> bool:
    if known is None:
        return False
    place = Place.parse(known)
    return place.epoch == head.epoch and place.sequence >= head.sequence


def _errors(lines: Sequence[str]) -> list[str]:
    """Return the last line of each traceback in a log."""
    errors: list[str] = []
    inside = False
    for line in lines:
        if line.lstrip().startswith("Traceback (most recent call last)"):
            inside = True
        elif inside and line and not line.startswith((" ", "\t")):
            errors.append(line[:150])
            inside = False
    return errors


@dataclass(frozen=True)
class Histories:
    """What the clients have received, and when connections of the JSON API ended."""

    followers: list[Follower]
    originals: list[Original]
    closings: dict[str, list[Item]]


class ClientPoolProcess:
    """The process of all clients."""

    def __init__(
        self,
        spawn: Any,
        directory: Path,
        specs: Sequence[ClientSpec],
        servers: Sequence[str],
    ) -> None:
        plan, address = directory / "clients.json", directory / "clients.socket"
        plan.write_text(json.dumps({"specs": [asdict(p) for p in specs], "servers": list(servers)}))
        self.child: Child = spawn(
            "clients", "-m", "tests.chaos.client_pool", str(plan), str(address)
        )
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self.child.wait_until(lambda: self._socket.connect_ex(str(address)) == 0)
        except BaseException:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rwb")

    def request(self, what: str, **more: Any) -> Any:
        """Send a request and return the answer."""
        self._lines.write(json.dumps({"do": what, **more}).encode() + b"\n")
        self._lines.flush()
        line = self._lines.readline()
        if not line:
            raise RuntimeError(f"The clients have ended.\n{self.child.tail()}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply["answer"]

    def close(self) -> None:
        """Close the sockets and end the process."""
        self._lines.close()
        self._socket.close()
        self.child.kill()
