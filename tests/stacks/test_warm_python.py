"""A warm process is what Python would start anew: with these arguments, this environment and this end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.stacks.child import Child, ServerFailed
from tests.stacks.process_registry import ProcessRegistry, wait_gone
from tests.stacks.python_process import completed_python, run_python
from tests.stacks.test_plugin import REPOSITORY
from tests.stacks.warm_python import processor_seconds

pytestmark = pytest.mark.stack("embedded")

SECONDS = 30.0
# Prints what a program can see of how it was started.
FACTS = """
import json, os, signal, sys
facts = {
    "name": __name__,
    "arguments": sys.argv,
    "environment": dict(os.environ),
    "directory": os.getcwd(),
    "first on the path": sys.path[0],
    "signals": {number.name: repr(signal.getsignal(number)) for number in signal.valid_signals() if number < 32},
    "input": sys.stdin.read(),
    "descriptors": [number for number in range(100) if os.path.exists(f"/dev/fd/{number}")],
    "leads its session": os.getsid(0) == os.getpid(),
}
print(json.dumps(facts))
"""
# Its last word comes after the main program.
LATER = """
import threading
main = threading.current_thread()
threading.Thread(target=lambda: print("later", main.join())).start()
"""
# Starts a process and waits for its own end.
OWNER = """
import signal, sys
from pathlib import Path
from tests.stacks.child import Child
from tests.stacks.process_registry import ProcessRegistry

registry = ProcessRegistry()
directory = registry.new_directory("own")
command = [sys.executable, "-c", "import signal; signal.pause()"]
child = Child(registry, command, log=directory / "log", environment={}, directory=directory, warm=True)
print(child.pid, child.is_warm, flush=True)
signal.pause()
"""


Start = Callable[..., Child]


@pytest.fixture
def start(process_registry: ProcessRegistry, tmp_path: Path) -> Start:
    """Start Python with these arguments, warm or anew, in an environment that is empty but for these variables."""

    def start_(*arguments: str, warm: bool = True, **environment: str) -> Child:
        own = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        return Child(
            process_registry,
            [sys.executable, *arguments],
            log=tmp_path / "log",
            environment=own | environment,
            directory=tmp_path,
            warm=warm,
        )

    return start_


def text_of(child: Child) -> str:
    assert child.wait(seconds=SECONDS) == 0, child.text()
    return child.text()


@pytest.mark.parametrize("way", ["script", "module", "code"])
def test_a_program_cannot_tell_that_it_is_warm(start: Start, tmp_path: Path, way: str) -> None:
    (tmp_path / "facts.py").write_text(FACTS)
    how = {"script": ["facts.py"], "module": ["-m", "facts"], "code": ["-c", FACTS]}[way]
    seen = []
    for warm in (True, False):
        child = start(*how, "--option", "é", warm=warm, VARIABLE="value")
        assert child.is_warm is warm
        facts = json.loads(text_of(child))
        # The system says it of the process itself: Python adds what it has decided for its own locale.
        facts["environment"].pop("LC_CTYPE", None)
        seen.append(facts)
    assert seen[0] == seen[1]
    assert seen[0]["environment"]["VARIABLE"] == "value"


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("raise SystemExit(3)", 3),
        ("raise ValueError('wrong')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        (LATER, 0),
    ],
)
def test_its_end_is_known(start: Start, code: str, exit_code: int) -> None:
    child = start("-c", code)
    assert child.wait(seconds=SECONDS) == exit_code
    assert child.exit_code == exit_code
    assert not child.running
    assert ("ValueError: wrong" in child.text()) is (exit_code == 1)
    assert ("later" in child.text()) is (exit_code == 0)


def test_one_that_is_killed_and_one_that_takes_too_long(start: Start) -> None:
    child = start("-c", "import signal; signal.pause()")
    assert child.running
    child.kill()
    assert child.exit_code == -signal.SIGKILL
    child = start("-c", "import signal; signal.pause()")
    with pytest.raises(ServerFailed, match="Did not stop"):
        child.wait(seconds=0.01)
    assert not child.running


def test_its_processor_time_counts(start: Start) -> None:
    before = processor_seconds()
    text_of(start("-c", "import time\nwhile time.process_time() < 0.2: pass"))
    assert processor_seconds() - before >= 0.2


def test_it_has_nothing_of_the_product_imported(start: Start) -> None:
    code = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    imported = text_of(start("-c", code)).split()
    assert "strawberry" in imported
    ours = ("live_inbox", "live_inbox_graphql", "live_inbox_site", "tests")
    assert not set(imported).intersection((*ours, "prometheus_client"))


def test_the_packages_are_no_work_for_its_garbage_collector(start: Start) -> None:
    code = "import gc, strawberry; print(any(found is strawberry.__dict__ for found in gc.get_objects()))"
    assert text_of(start("-c", code)) == "False\n"
    assert text_of(start("-c", code, warm=False)) == "True\n"


def test_what_concerns_the_interpreter_starts_it_anew(start: Start) -> None:
    child = start("-c", "import sys; print(sys.flags.dev_mode)", PYTHONDEVMODE="1")
    assert not child.is_warm
    assert text_of(child) == "True\n"


def test_nothing_is_left_when_its_owner_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=REPOSITORY, env={}, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, warm = owner.stdout.readline().split()
        family = psutil.Process(owner.pid).children(recursive=True)
        owner.kill()
    assert warm == "True"
    assert int(pid) in {process.pid for process in family}
    assert wait_gone(family, seconds=SECONDS) == []


@pytest.mark.parametrize("variables", [{}, {"PYTHONDEVMODE": "1"}], ids=["warm", "anew"])
def test_output_errors_and_exit_code_of_one_that_has_ended(variables: dict[str, str]) -> None:
    code = "import sys; print('é'); print('wrong', file=sys.stderr); sys.exit(3)"
    done = completed_python("-c", code, environment=os.environ | variables)
    assert (done.stdout, done.stderr, done.returncode) == ("é\n", "wrong\n", 3)
    with pytest.raises(RuntimeError, match="ended with 3"):
        run_python("-c", code, environment=os.environ | variables)
