"""What a fault is, and the table of all of them. The modules named `*_faults` and `faults` fill it."""

from __future__ import annotations

import random
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from tests.chaos.endings import BROKEN, INTERNAL_ERROR, RESTARTING, TRY_AGAIN, UNAVAILABLE
from tests.chaos.system import SINGLE_CLIENT_INBOXES, SystemUnderTest
from tests.stacks.uvicorn_server import ServerProcess

ActiveFault = Generator[None]
Injection = Callable[[SystemUnderTest, random.Random], ActiveFault]

NO_ENDINGS: frozenset[str] = frozenset()
DATABASE_ENDINGS = frozenset({UNAVAILABLE, TRY_AGAIN, INTERNAL_ERROR})
"""Whoever comes while the database does not answer is sent away."""
SLOW_DATABASE_ENDINGS = DATABASE_ENDINGS | {BROKEN}
"""The same, and clients that do not wait for so long."""
SERVER_ENDINGS = frozenset({BROKEN, RESTARTING})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its target, what it needs, and the injection: a generator that begins the fault, yields, and ends it.

    `least_seconds` is how long it has to last in order to be one; an instant one ends as soon as it has begun. One that
    is for `only_alone` takes too long to be mixed with others. `endings` are those of connections that it explains.
    `holds` says that events may have to wait for as long as it lasts, `rounds` for how many reconciliations otherwise.
    `ends_epochs` says that positions may be refused because of it.

    Every injection counts what it has done (`SystemUnderTest.effect`): a count of zero is a failure of the run.
    """

    target: str
    needs: str
    inject: Injection
    least_seconds: float = 0.0
    is_instant: bool = False
    only_alone: bool = False
    endings: frozenset[str] = NO_ENDINGS
    holds: bool = False
    rounds: int = 1
    ends_epochs: bool = False

    def is_possible(self, system: SystemUnderTest) -> bool:
        """Whether the system has the part that this breaks."""
        return not self.needs or getattr(system, self.needs) is not None


FAULTS: dict[str, Fault] = {}


def fault(
    name: str,
    *,
    target: str,
    needs: str = "",
    least_seconds: float = 0.0,
    is_instant: bool = False,
    only_alone: bool = False,
    endings: Iterable[str] = (),
    holds: bool = False,
    rounds: int = 1,
    ends_epochs: bool = False,
) -> Callable[[Injection], Injection]:
    """Enter an injection into the table."""

    def register(inject: Injection) -> Injection:
        FAULTS[name] = Fault(
            target,
            needs,
            inject,
            least_seconds,
            is_instant,
            only_alone,
            frozenset(endings),
            holds,
            rounds,
            ends_epochs,
        )
        return inject

    return register


def possible(system: SystemUnderTest) -> dict[str, str]:
    """Return the faults that the system can have, with their targets."""
    return {name: fault.target for name, fault in FAULTS.items() if fault.is_possible(system)}


# -- what several of them do -----------------------------------------------------------------------------


def one_server(system: SystemUnderTest, rng: random.Random) -> ServerProcess:
    """Choose a server. Clients choose a server for each connection, so one that was down has none at first."""
    return system.servers[rng.randrange(len(system.servers))]


def one_shared_inbox(system: SystemUnderTest, rng: random.Random) -> tuple[int, str]:
    """Choose a user whose inbox several clients follow; return the user and a token. Never the operator."""
    return system.users[1 + rng.randrange(len(system.users) - SINGLE_CLIENT_INBOXES - 1)]


def readiness(server: ServerProcess) -> int:
    """Return the status of `/readyz`; 0 if there is no answer within five seconds."""
    try:
        with urllib.request.urlopen(f"{server.http}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def put_file(system: SystemUnderTest, name: str, text: str) -> None:
    """Write a file that others read at any moment."""
    unfinished = system.directory / f"{name}.unfinished"
    unfinished.write_text(text)
    unfinished.replace(system.directory / name)


def counted_in(system: SystemUnderTest, name: str) -> int:
    """Return what processes have counted in a file, by its size."""
    file = system.directory / name
    return file.stat().st_size if file.exists() else 0
