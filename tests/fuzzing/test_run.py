"""A run of the fuzzer: short within the tests, as long as wanted by `python -m tests.fuzzing`.

However wrong the input: what `soundness` lists holds, and the inbox of somebody else stays as it was.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.fuzzing.door_names import DOOR_NAMES
from tests.fuzzing.doors import DOORS
from tests.fuzzing.fuzzing_run import FuzzingRun
from tests.fuzzing.json_settings import OPEN_TOPICS
from tests.fuzzing.soundness import Watch
from tests.fuzzing.target import Target, inbox
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY, ServerProcess

pytestmark = pytest.mark.django_db(transaction=True)

INPUTS = int(os.environ.get("FUZZ_INPUTS", "0"))
"""0: the short run."""
SEED = int(os.environ.get("FUZZ_SEED", "1"))
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
CHOSEN = [name for name in os.environ.get("FUZZ_DOORS", "").split(",") if name] or list(DOORS)

FAST = "1000000/second burst 1000000"
RATES = (
    *("SOCKET_RATE", "OPERATION_RATE", "ANONYMOUS_OPERATION_RATE", "SEND_RATE", "RECIPIENT_RATE"),
    "CHANGE_RATE",
)


@pytest.fixture(scope="module")
def server(
    process_registry: ProcessRegistry, stack: Stack, django_db_setup: None
) -> Iterator[ServerProcess]:
    """A server with everything on, and without the rates, which would refuse most of the run."""
    environment = {
        **stack.environment(),
        "DATABASE_URL": stack.test_database_url(),
        **dict.fromkeys(RATES, FAST),
        "OPEN_TOPICS": ",".join(OPEN_TOPICS),
        **dict.fromkeys(("INTROSPECTION", "PAGES", "GRAPHIQL"), "true"),
    }
    server = ServerProcess(process_registry, environment).start()
    yield server
    server.kill()


@pytest.mark.parametrize("name", CHOSEN)
def test_whatever_is_sent_the_server_stays_sound(
    server: ServerProcess, stack: Stack, name: str, transactional_db: None
) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    target = Target.on(server)
    door = DOORS[name](target)
    before = inbox(target.bystander_id), inbox(target.user_id)
    run = FuzzingRun(door, Watch(server), seed=SEED, stack=stack.name, is_long=INPUTS > 0)
    run.send(INPUTS or door.short_inputs, FIRST)
    print(f"{name}: {run.figures}", flush=True)
    assert not run.figures.findings, "\n".join(run.figures.findings)
    assert inbox(target.bystander_id) == before[0]
    assert door.writes or inbox(target.user_id) == before[1]


def test_the_command_knows_the_doors_by_their_names() -> None:
    assert tuple(DOORS) == DOOR_NAMES


def test_the_command_refuses_a_door_that_there_is_not() -> None:
    command = [sys.executable, "-m", "tests.fuzzing", "--door", "http,nonsense"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "python -m tests.fuzzing: error: argument --door: 'nonsense' is none of the doors:"
        " graphql, graphql-transport-ws, graphql-ws, event-streams, http, queries, frames, json"
    )
