"""The environment is made when it is missing, kept when it is right, and never left half made."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from live_inbox_site import bootstrap
from live_inbox_site.bootstrap import (
    BENCHMARK_LOCK,
    DEVELOPMENT_LOCK,
    LOCKS,
    PAGES_LOCK,
    PROJECT,
    RUNTIME_LOCK,
    Environment,
    Stop,
)

pytestmark = pytest.mark.stack("embedded")

REPOSITORY = Path(__file__).resolve().parent.parent
SECONDS = 60.0
MAKE_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PORT", "PYTHON"}


class Repository:
    """A repository whose packages are empty folders, installed by this class and not by pip."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = Environment(directory, self._install)
        self.installed: list[str] = []
        self.during: Callable[[], None] = lambda: None
        for name in (*LOCKS, PROJECT):
            self.write(name, f"{name} 1")

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def ensure(self, lock: str) -> list[str]:
        """Ensure a lock; return what had to be installed for it."""
        self.installed = []
        self.environment.ensure(lock)
        return self.installed

    def unpack(self, package: str) -> None:
        (packages,) = self.environment.directory.glob("lib/*/site-packages")
        (packages / f"{package}.dist-info").mkdir(exist_ok=True)

    def _install(self, python: Path, arguments: list[str]) -> None:
        assert python == self.environment.python
        if "-e" in arguments:
            assert Path(arguments[-1]) == self.directory
            self.installed.append(PROJECT)
            return
        assert "--require-hashes" in arguments
        self.during()
        lock = Path(arguments[-1]).name
        self.unpack(lock)
        self.installed.append(lock)


@pytest.fixture(scope="module")
def virtual_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without pip, to be copied: it takes a second to make one with."""
    directory = tmp_path_factory.mktemp("venv") / ".venv"
    venv.create(directory, with_pip=False, symlinks=True)
    return directory


@pytest.fixture
def repository(
    tmp_path: Path, virtual_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    def copy(directory: Path, **_: object) -> None:
        shutil.copytree(virtual_environment, directory, symlinks=True)

    monkeypatch.setattr(venv, "create", copy)
    return Repository(tmp_path)


def test_the_first_command_makes_the_environment(repository: Repository) -> None:
    assert repository.ensure(RUNTIME_LOCK) == [RUNTIME_LOCK, PROJECT]


def test_the_second_command_finds_everything_there(repository: Repository) -> None:
    repository.ensure(DEVELOPMENT_LOCK)
    assert repository.ensure(DEVELOPMENT_LOCK) == []
    assert repository.ensure(PAGES_LOCK) == [], "the last lock holds the others"
    assert repository.ensure(RUNTIME_LOCK) == []


def test_a_new_project_file_is_installed_again(repository: Repository) -> None:
    repository.ensure(RUNTIME_LOCK)
    repository.write(PROJECT, "another version")
    assert repository.ensure(RUNTIME_LOCK) == [PROJECT]
    assert repository.ensure(RUNTIME_LOCK) == []


def test_a_new_lock_is_installed_into_the_same_environment(repository: Repository) -> None:
    repository.ensure(RUNTIME_LOCK)
    repository.unpack("kept")
    repository.write(RUNTIME_LOCK, "django 2")
    assert repository.ensure(RUNTIME_LOCK) == [RUNTIME_LOCK, PROJECT]
    assert "kept.dist-info" in repository.environment.packages()


def test_a_new_runtime_makes_the_development_lock_count_again(repository: Repository) -> None:
    repository.ensure(DEVELOPMENT_LOCK)
    repository.write(RUNTIME_LOCK, "django 2")
    repository.ensure(RUNTIME_LOCK)
    assert repository.ensure(DEVELOPMENT_LOCK) == [DEVELOPMENT_LOCK, PROJECT]


@pytest.mark.parametrize("change", ["another Python", "moved", "Python gone"])
def test_an_environment_that_cannot_be_right_is_made_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    repository.ensure(RUNTIME_LOCK)
    repository.unpack("old")
    if change == "another Python":
        monkeypatch.setattr(sys, "version", "3.99.0 (a later one)")
    elif change == "moved":
        moved = tmp_path / "moved"
        moved.mkdir()
        for path in (".venv", *LOCKS, PROJECT):
            shutil.move(tmp_path / path, moved / path)
        repository = Repository(moved)
    else:
        repository.environment.python.unlink()
    assert repository.ensure(RUNTIME_LOCK) == [RUNTIME_LOCK, PROJECT]
    assert repository.environment.packages() == [f"{RUNTIME_LOCK}.dist-info"]


def test_an_environment_that_was_interrupted_is_made_again(repository: Repository) -> None:
    class Killed(BaseException):
        """Nothing of ours runs after this one."""

    def half() -> None:
        repository.unpack("half")
        raise Killed

    repository.during = half
    with pytest.raises(Killed):
        repository.ensure(RUNTIME_LOCK)
    repository.during = lambda: None
    assert repository.ensure(RUNTIME_LOCK) == [RUNTIME_LOCK, PROJECT]
    assert repository.environment.packages() == [f"{RUNTIME_LOCK}.dist-info"]


def test_a_failed_download_leaves_what_worked(repository: Repository) -> None:
    def fail() -> None:
        raise Stop("no network")

    repository.ensure(RUNTIME_LOCK)
    repository.during = fail
    with pytest.raises(Stop):
        repository.ensure(DEVELOPMENT_LOCK)
    assert repository.ensure(RUNTIME_LOCK) == []


def test_a_command_waits_for_another_that_installs(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, waits, go_on = threading.Event(), threading.Event(), threading.Event()
    # Not what is printed: reading that from this thread may lose a line of another one.
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("Waiting for another command"):
            waits.set()

    monkeypatch.setattr(bootstrap, "say", say)

    def slowly() -> None:
        begun.set()
        assert go_on.wait(SECONDS)

    repository.during = slowly
    first = threading.Thread(target=repository.environment.ensure, args=[RUNTIME_LOCK])
    first.start()
    assert begun.wait(SECONDS)
    other = Repository(repository.directory)
    second = threading.Thread(target=other.environment.ensure, args=[RUNTIME_LOCK])
    second.start()
    assert waits.wait(SECONDS), said
    go_on.set()
    first.join(SECONDS)
    second.join(SECONDS)
    assert (repository.installed, other.installed) == ([RUNTIME_LOCK, PROJECT], [])


def test_a_failure_of_pip_is_one_more_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.lock"
    with pytest.raises(Stop, match="could not be installed: pip says above why"):
        bootstrap.install_with_pip(Path(sys.executable), ["-r", str(missing)])
    assert "missing.lock" in capfd.readouterr().err


def test_older_pythons_can_read_the_file_and_are_refused() -> None:
    source = Path(bootstrap.__file__).read_text()
    ast.parse(source, feature_version=(3, 7))
    with pytest.raises(Stop, match=re.escape("Python 3.11 or newer is needed; this is 3.10.")):
        bootstrap.require_python((3, 10))
    bootstrap.require_python((3, 11))


def test_without_ensurepip_the_message_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Stop, match=r"apt install python3\.\d+-venv"):
        bootstrap.require_venv()


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1", "8000x"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(Stop, match=f"PORT={port} is no port"):
        bootstrap.require_port(port)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a terminal, though these tests may be run by another make."""
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    return subprocess.run(
        ["make", *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )


def test_a_busy_port_is_one_line_before_anything_else_happens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = make("run", f"PORT={port}", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert done.stdout == ""
    line, of_make = done.stderr.splitlines()
    assert line.startswith(f"Port {port} is in use. Stop what listens there, or choose another one")
    assert of_make.startswith("make:")


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("ENVIRONMENT=production\nDATABASE_URL=postgres://db/inbox\n", True),
        (" export ENVIRONMENT = 'production'\n", True),
        ("ENVIRONMENT=development\n", False),
        ("# ENVIRONMENT=production\nRECONCILE_SECONDS=1\n", False),
        (None, False),
    ],
)
def test_the_users_of_the_demo_do_not_get_into_the_database_of_a_server(
    text: str | None, is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "REPOSITORY", tmp_path)
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    if text is not None:
        (tmp_path / ".env").write_text(text)
    if is_refused:
        with pytest.raises(Stop, match="says ENVIRONMENT=production, and `make run` makes demo"):
            bootstrap.refuse_production()
    else:
        bootstrap.refuse_production()
    # Who names the environment has decided.
    monkeypatch.setenv("ENVIRONMENT", "development")
    bootstrap.refuse_production()


@pytest.mark.parametrize("python", ["no-such-python", "/bin/false"])
def test_a_python_that_does_not_run_is_one_line(python: str) -> None:
    done = make("run", f"PYTHON={python}")
    assert done.returncode != 0
    assert done.stdout == ""
    line, of_make = done.stderr.splitlines()
    assert line.startswith("Python 3.11 or newer is needed; found:")
    assert of_make.startswith("make:")


def locked(lock: str) -> dict[str, Requirement]:
    lines = (REPOSITORY / lock).read_text().splitlines()
    names = [line.rstrip("\\ ") for line in lines if line and not line.startswith((" ", "#"))]
    return {canonicalize_name((found := Requirement(name)).name): found for name in names}


def asked() -> dict[str, list[str]]:
    """Return what pyproject.toml asks for, lock by lock."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    groups = {
        name: [each for each in group if isinstance(each, str)]
        for name, group in project["dependency-groups"].items()
    }
    return {
        RUNTIME_LOCK: [
            *project["project"]["dependencies"],
            *project["project"]["optional-dependencies"]["site"],
            *groups["build"],
        ],
        PAGES_LOCK: groups["pages"],
        DEVELOPMENT_LOCK: [*groups["test"], *groups["check"]],
        BENCHMARK_LOCK: groups["bench"],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_hold_what_the_project_asks_for(lock: str) -> None:
    pins = locked(lock)
    for requirement in map(Requirement, asked()[lock]):
        (pin,) = pins[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(pin.version), f"make lock: {requirement}"


@pytest.mark.parametrize(("smaller", "larger"), list(itertools.pairwise(LOCKS)))
def test_each_lock_holds_the_one_before(smaller: str, larger: str) -> None:
    less, more = locked(smaller), locked(larger)
    assert {name: more.get(name) for name in less} == less


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_have_hashes_and_no_addresses(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert " \\\n    --hash=sha256:" in requirement
