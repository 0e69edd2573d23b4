"""The measurements of one attack: rounds of quiet, of the attack on another server, and of the attack itself, in turn.

The attack on another server of the site shows what the machine, PostgreSQL and Redis do to the user by themselves:
attackers, servers and the user share its processors here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.figures import percentile
from tests.siege.attack import Attack
from tests.siege.bystander import Bystander
from tests.siege.plan import Plan
from tests.siege.site import SiegedServer, Site
from tests.stacks.uvicorn_server import REPOSITORY

SAMPLE_SECONDS = 0.05
WARM_UP_SECONDS = 1.5
SETTLE_SECONDS = 0.5
MOST_SETTLE_SECONDS = 8.0
SETTLED_SHARE = 1.3
"""After an attack, the next quiet round waits until the server uses no more than so many times the processor time of
the first one: it gets rid of connections, and hashes the passwords that wait."""
ATTACKER_SECONDS = 60.0

MAX_RATIO = 1.5
"""Of the user's p99 under attack to the p99 without this server's part in it."""
MAX_GROWTH = 50 << 20
"""Of memory, in bytes, over that of the first quiet round."""


@dataclass
class Rounds:
    """All rounds of one kind together."""

    latencies: list[tuple[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def latency(self, share: float, kind: str = "") -> float:
        """Return the latency, in milliseconds, that this share of what was done did not exceed."""
        chosen = sorted(each for name, each in self.latencies if kind in ("", name))
        return 1000 * percentile(chosen, share)

    @property
    def cpu_share(self) -> float:
        """Processor time of the server for each second."""
        return self.cpu_seconds / self.seconds


@dataclass
class Result:
    """What one attack from so many addresses has done."""

    attack: Attack
    addresses: int
    quiet: Rounds = field(default_factory=Rounds)
    elsewhere: Rounds = field(default_factory=Rounds)
    """While the attack was on another server."""
    attacked: Rounds = field(default_factory=Rounds)
    memory_before: int = 0
    memory_most: int = 0
    memory_after: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The p99 of the bystander under attack, to the quiet one, or to that of the attack elsewhere if it is more."""
        without = max(self.quiet.latency(0.99), self.elsewhere.latency(0.99))
        return self.attacked.latency(0.99) / without

    @property
    def growth(self) -> int:
        """How many bytes of memory the server had more, at most."""
        return self.memory_most - self.memory_before

    @property
    def cpu(self) -> float:
        """Processor time of the server that the attack took, for each second."""
        return max(0.0, self.attacked.cpu_share - self.quiet.cpu_share)

    def problems(self) -> list[str]:
        """Return what is beyond the limits, a line for each."""
        found = list(self.failures)
        if self.ratio > MAX_RATIO:
            found.append(f"p99 is {self.ratio:.2f} times that without an attack on this server")
        if self.growth > MAX_GROWTH:
            found.append(f"memory grew by {self.growth / (1 << 20):.0f} MB")
        undocumented = set(self.outcomes) - self.attack.outcomes
        if undocumented:
            found.append(f"attackers got {', '.join(sorted(undocumented))}")
        if not self.outcomes:
            found.append("the attack did nothing")
        return found


async def measure(
    site: Site, attack: Attack, addresses: int, *, rounds: int, seconds: float
) -> Result:
    """Measure one attack in so many rounds, each so many seconds quiet, under attack elsewhere, and under attack."""
    result = Result(attack, addresses)
    async with (
        _under_siege(site, attack, addresses) as (server, attackers),
        _under_siege(site, attack, addresses) as (other, attackers_elsewhere),
    ):
        bystander = Bystander(server.port, server.bystander())
        await bystander.start()
        await asyncio.sleep(WARM_UP_SECONDS + attack.waits)
        for each in (server, other):
            if each.issuer is not None:
                each.issuer.hang()
        for _ in range(rounds):
            most = await _observe(server, bystander, result.quiet, seconds)
            result.memory_before = result.memory_before or most
            async with attackers_elsewhere.attacking():
                await _observe(server, bystander, result.elsewhere, seconds)
            await _settle(other, result.quiet.cpu_share)
            async with attackers.attacking():
                most = await _observe(server, bystander, result.attacked, seconds)
            result.memory_most = max(result.memory_most, most)
            await _settle(server, result.quiet.cpu_share)
        result.outcomes = await attackers.end()
        await bystander.stop()
        result.memory_after = server.memory()
        result.failures = _failures(bystander, server)
    return result


@asynccontextmanager
async def _under_siege(
    site: Site, attack: Attack, addresses: int
) -> AsyncIterator[tuple[SiegedServer, Attackers]]:
    """Start a server, and attackers who wait for their moment."""
    server = site.serve(attack)
    try:
        async with _attackers(server.plan(attack, addresses)) as attackers:
            yield server, attackers
    finally:
        server.close()


async def _settle(server: SiegedServer, quiet_share: float) -> None:
    """Wait until the server has done with an attack."""
    deadline = time.perf_counter() + MOST_SETTLE_SECONDS
    while time.perf_counter() < deadline:
        begin, cpu = time.perf_counter(), server.cpu_seconds()
        await asyncio.sleep(SETTLE_SECONDS)
        share = (server.cpu_seconds() - cpu) / (time.perf_counter() - begin)
        if share <= SETTLED_SHARE * quiet_share:
            return


async def _observe(
    server: SiegedServer, bystander: Bystander, rounds: Rounds, seconds: float
) -> int:
    """Add a round; return the most memory that the server had, in bytes."""
    bystander.latencies = []
    most = 0
    begin, cpu = time.perf_counter(), server.cpu_seconds()
    while time.perf_counter() - begin < seconds:
        most = max(most, server.memory())
        await asyncio.sleep(SAMPLE_SECONDS)
    rounds.seconds += time.perf_counter() - begin
    rounds.cpu_seconds += server.cpu_seconds() - cpu
    rounds.latencies += bystander.latencies
    return most


def _failures(bystander: Bystander, server: SiegedServer) -> list[str]:
    failures = _first(bystander.failures, "failures of the bystander")
    failures += _first(bystander.lost(), "deliveries wrong")
    if count := server.tracebacks():
        failures.append(f"{count} tracebacks in the log")
    return failures


def _first(lines: Iterable[str], what: str) -> list[str]:
    found = list(lines)
    return [f"{len(found)} {what}, such as {found[0]}"] if found else []


class Attackers:
    """The process of the attackers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @asynccontextmanager
    async def attacking(self) -> AsyncIterator[None]:
        """Attack. At the end, all connections are closed."""
        self._write(b"attack\n")
        yield
        self._write(b"rest\n")
        await self.expect(b"rests")

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    async def expect(self, line: bytes) -> None:
        """Wait for a line. Raises RuntimeError if another comes, or none."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ATTACKER_SECONDS):
            received = await self._process.stdout.readline()
        if received.strip() != line:
            raise RuntimeError(f"The attackers have ended: {received!r}")

    async def end(self) -> dict[str, int]:
        """End the process, and return what its clients got, the most frequent first."""
        async with asyncio.timeout(ATTACKER_SECONDS):
            output, _ = await self._process.communicate(b"end\n")
        outcomes = json.loads(output) if output.strip() else {}
        return dict(Counter(outcomes).most_common())


@asynccontextmanager
async def _attackers(plan: Plan) -> AsyncIterator[Attackers]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.siege.attacker",
        plan.to_json(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    try:
        attackers = Attackers(process)
        await attackers.expect(b"ready")
        yield attackers
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
