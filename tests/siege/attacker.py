"""One attack, in a process of its own: `python -m tests.siege.attacker PLAN`.

It reads commands from its standard input, a line for each: `attack`, `rest`, and `end`, upon which it prints what its
clients got, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from tests.siege import account_attacks, connection_attacks  # noqa: F401  # they fill the table
from tests.siege.attack import ATTACKS
from tests.siege.plan import Plan
from tests.siege.traffic import Attacker

NICENESS = 19
"""So that attackers take no time of the server's, nor of the bystander's, where processors are few."""

AUTOGROUP = Path("/proc/self/autogroup")
"""Where Linux shares processors out to sessions first, niceness counts within a session alone. That of the session is
set here."""


class Assailant:
    """Begins an attack and ends it, as often as is asked for."""

    def __init__(self, plan: Plan) -> None:
        self.attacker = Attacker(plan)
        self._assault = ATTACKS[plan.attack].assault
        self._attacking: asyncio.Future[None] | None = None

    def attack(self) -> None:
        """Begin."""
        self._attacking = asyncio.ensure_future(self._assault(self.attacker))

    async def rest(self) -> None:
        """End it, and close all connections. Raises what has ended the attack by itself."""
        attacking, self._attacking = self._attacking, None
        if attacking is not None:
            attacking.cancel()
            with suppress(asyncio.CancelledError):
                await attacking


async def main(plan: Plan) -> None:
    """Do what standard input says."""
    assailant = Assailant(plan)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    print("ready", flush=True)
    while (command := (await reader.readline()).strip()) not in (b"", b"end"):
        if command == b"attack":
            assailant.attack()
        else:
            await assailant.rest()
            print("rests", flush=True)
    await assailant.rest()
    print(json.dumps(assailant.attacker.outcomes), flush=True)


def run(plan: Plan) -> None:
    """Run on uvloop where that is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(plan))
    else:
        uvloop.run(main(plan))


def yield_to_others() -> None:
    """Take processor time that nobody else wants. The process has to lead a session of its own."""
    os.nice(NICENESS)
    # Other systems have no such file.
    with suppress(OSError):
        AUTOGROUP.write_text(str(NICENESS))


if __name__ == "__main__":
    yield_to_others()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    run(Plan.from_json(sys.argv[1]))
