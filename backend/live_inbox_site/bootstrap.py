"""Makes the virtual environment `.venv` of a checkout, then runs a command in it. Needs only the standard library.

The Makefile calls this before every command; when nothing has changed it takes a few milliseconds. It reports what is
wrong in one line, and keeps to syntax that older Pythons can parse, so that they can report that they are too old.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

OLDEST_PYTHON = (3, 11)
REPOSITORY = Path(__file__).resolve().parents[2]
RUNTIME_LOCK = "requirements.lock"
PAGES_LOCK = "requirements-pages.lock"  # and Node, for machines without one
DEVELOPMENT_LOCK = "requirements-dev.lock"
BENCHMARK_LOCK = "requirements-bench.lock"  # and the peers in Python that nothing else needs
# Each lock holds everything of those before it, in the same versions.
LOCKS = (RUNTIME_LOCK, PAGES_LOCK, DEVELOPMENT_LOCK, BENCHMARK_LOCK)
PROJECT = "pyproject.toml"
STAMP = "installed.json"
UV = "uv==0.13.9"
LOCK_OPTIONS = (
    # For every supported Python and system, with the hashes of the released files ...
    "--universal --python-version {}.{} --generate-hashes --only-binary :all: "
    # ... without this machine's settings, and without the addresses that it gets packages from.
    "--no-config --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet"
)

Install = Callable[[Path, list[str]], None]
"""Runs `pip install` with the Python at a path, and with these arguments. Raises Stop."""


class Stop(Exception):
    """The command cannot go on; the message is one line that says what to do."""


class Environment:
    """The virtual environment of a checkout, and what is installed in it.

    A stamp in it names the interpreter, the installed locks and the installed version of pyproject.toml. The stamp is
    removed while something changes: an environment without one was interrupted, and is made again.
    """

    def __init__(self, repository: Path, install: Install) -> None:
        self.repository = repository
        self.directory = repository / ".venv"
        self.python = self.directory / "bin" / "python"
        self._stamp = self.directory / STAMP
        self._install = install

    def ensure(self, lock: str) -> None:
        """Install what a lock names, and the checkout itself. Concurrent commands wait for each other."""
        if self._is_current(lock):
            return
        with _one_at_a_time(self.repository / "var" / "environment.lock"):
            if not self._is_current(lock):
                self._prepare(lock)

    def packages(self) -> list[str]:
        """Return what is installed, as names with versions."""
        return sorted(path.name for path in self.directory.glob("lib/*/site-packages/*.dist-info"))

    def _is_current(self, lock: str) -> bool:
        stamp = self._read_stamp()
        return (
            stamp.get("interpreter") == self._interpreter()
            and stamp.get(lock) == self._hash(lock)
            and stamp.get(PROJECT) == self._hash(PROJECT)
        )

    def _prepare(self, lock: str) -> None:
        stamp = self._read_stamp()
        if stamp.get("interpreter") != self._interpreter():
            require_venv()
            say("Making a virtual environment in .venv ...")
            self._create()
            stamp = {"interpreter": self._interpreter()}
        self._stamp.unlink(missing_ok=True)
        before = self.packages()
        try:
            if stamp.get(lock) != self._hash(lock):
                say(f"Installing the dependencies of {lock} (a minute or less) ...")
                path = str(self.repository / lock)
                self._install(
                    self.python, ["--require-hashes", "--only-binary", ":all:", "-r", path]
                )
                stamp = self._stamp_after(lock)
            # Editable, as an adopter would install it: the product always runs as it is installed.
            project = str(self.repository)
            self._install(self.python, ["--no-deps", "--no-build-isolation", "-e", project])
        except BaseException:
            # Most failures are downloads, before anything was changed: what worked until now goes on working.
            if self.packages() == before:
                self._write_stamp(stamp)
            raise
        self._write_stamp({**stamp, PROJECT: self._hash(PROJECT)})

    def _create(self) -> None:
        if self.directory.exists():
            shutil.rmtree(self.directory)
        try:
            venv.create(self.directory, with_pip=True, symlinks=True, prompt=self.repository.name)
        except subprocess.CalledProcessError as error:
            raise Stop(f"The virtual environment .venv cannot be made: {error}") from None

    def _interpreter(self) -> str:
        """Return what the environment depends on besides the locks. It cannot be moved either."""
        return " ".join((sys.version.split()[0], sys.base_prefix, str(self.repository)))

    def _hash(self, name: str) -> str:
        return hashlib.sha256((self.repository / name).read_bytes()).hexdigest()

    def _read_stamp(self) -> dict[str, str]:
        try:
            stamp = json.loads(self._stamp.read_text())
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) and self.python.exists() else {}

    def _stamp_after(self, lock: str) -> dict[str, str]:
        locks = LOCKS[: LOCKS.index(lock) + 1]
        return {"interpreter": self._interpreter(), **{name: self._hash(name) for name in locks}}

    def _write_stamp(self, stamp: dict[str, str]) -> None:
        unfinished = self._stamp.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(stamp))
        unfinished.replace(self._stamp)


def install_with_pip(python: Path, arguments: list[str]) -> None:
    """Run `pip install`, which prints nothing but warnings and errors. Raise Stop if it fails."""
    command = [str(python), "-I", "-m", "pip", "install", "--quiet", "--no-input", *arguments]
    # Not closing files, pip holds the lock as well: if only this process is killed, the next one waits for pip.
    done = subprocess.run([*command, "--disable-pip-version-check"], close_fds=False)
    if done.returncode:
        raise Stop("The packages could not be installed: pip says above why.")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock on a file. The system frees it when the last process that has the file open ends."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another command that prepares .venv ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_python(version: tuple[int, int]) -> None:
    """Raise Stop if a Python of this version is too old."""
    if version < OLDEST_PYTHON:
        oldest, found = (".".join(map(str, numbers)) for numbers in (OLDEST_PYTHON, version))
        raise Stop(
            f"Python {oldest} or newer is needed; this is {found}. "
            "Name another one: PYTHON=/path/to/python3"
        )


def require_venv() -> None:
    """Raise Stop if this Python cannot make virtual environments: Debian ships that part separately."""
    if importlib.util.find_spec("ensurepip") is None:
        raise Stop(
            f"{sys.executable} lacks the module ensurepip, which virtual environments need. Install "
            f"it (Debian, Ubuntu: apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv) "
            "and run the command again."
        )


def require_port(text: str) -> int:
    """Return a port's number. Raise Stop if it is none, or in use at either address of localhost.

    The server would say so too, but only after everything has been installed.
    """
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise Stop(f"PORT={text} is no port: it is a number from 1 to 65535.")
    port = int(text)
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Stop(
                    f"Port {port} is in use. Stop what listens there, or choose another one: "
                    f"make run PORT={port + 1000 if port < 64_000 else 8000}"
                ) from None
            # A port below 1024, which the server reports; or this machine has no such address.
    return port


def run(port: str) -> None:
    """Serve the product on one developer's machine."""
    number = require_port(port)
    refuse_production()
    environment = prepared(RUNTIME_LOCK)
    os.environ.setdefault("ENVIRONMENT", "development")
    declare_development()
    build_pages(environment)
    become(environment, "manage.py", "serve", "--demo", "--port", str(number))


def build_pages(environment: Environment, *, with_tests: bool = False) -> None:
    """Bring the web pages up to date. Without them the server works, and its pages say what is missing."""
    # Run as a script, this file does not find its own package.
    sys.path.insert(0, str(REPOSITORY / "backend"))
    from live_inbox_site.building import NotBuildable, build, find_node

    try:
        try:
            find_node()
        except NotBuildable:
            environment.ensure(PAGES_LOCK)
        build(with_tests=with_tests)
    except (NotBuildable, Stop) as problem:
        say(f"No web pages: {problem}")


def refuse_production() -> None:
    """Raise Stop if the file `.env` is that of a server: the users of the demo would get into its database."""
    settings = REPOSITORY / ".env"
    try:
        text = settings.read_text()
    except OSError:
        # There is none; or the server says why it cannot be read.
        return
    found = re.findall(r"^\s*(?:export\s+)?ENVIRONMENT\s*=\s*['\"]?(\w+)", text, re.MULTILINE)
    if found and found[-1] != "development" and not os.environ.get("ENVIRONMENT"):
        raise Stop(
            f"The file {settings} says ENVIRONMENT={found[-1]}, and `make run` makes demo users. To serve the site, "
            "run .venv/bin/python manage.py serve."
        )


def declare_development() -> None:
    """Write `.env`, so that every later command in this checkout runs in development too.

    Without the file, `manage.py` would take this machine for production, and refuse its settings.
    """
    settings = REPOSITORY / ".env"
    if os.environ["ENVIRONMENT"] == "development" and not settings.exists():
        settings.write_text(
            "# Settings of this checkout, as environment variables; see docs/operating/configuration.md.\n"
            "# Made by `make run`. A server in production must not have this file.\n"
            "ENVIRONMENT=development\n"
        )


def test(*arguments: str) -> None:
    """Run the tests, on every stack unless the arguments say otherwise."""
    environment = prepared(DEVELOPMENT_LOCK)
    build_pages(environment, with_tests=True)
    become(environment, "-m", "tests.stacks.run", *arguments)


def chaos(*arguments: str) -> None:
    """Inject faults into real servers, and prove that no client has lost anything."""
    become(prepared(DEVELOPMENT_LOCK), "-m", "tests.chaos", *arguments)


def prove(*arguments: str) -> None:
    """Plant bugs in a copy of the checkout, and prove that the tests notice each of them."""
    become(prepared(DEVELOPMENT_LOCK), "-m", "tests.planted", *arguments)


def siege(*arguments: str) -> None:
    """Flood a real server, and measure what another user notices."""
    become(prepared(DEVELOPMENT_LOCK), "-m", "tests.siege", *arguments)


def bench(*arguments: str) -> None:
    """Measure the product beside its peers."""
    become(prepared(BENCHMARK_LOCK), "-m", "benchmarks", *arguments)


def development() -> None:
    """Prepare the environment for changing the product."""
    prepared(DEVELOPMENT_LOCK)


def lock(*arguments: str) -> None:
    """Write the locks again. Versions stay as they are unless the arguments (`--upgrade`) say otherwise."""
    tools = REPOSITORY / "var" / "lock-tools"
    if not (tools / "bin" / "uv").exists():
        require_venv()
        venv.create(tools, clear=True, with_pip=True, symlinks=True)
        install_with_pip(tools / "bin" / "python", [UV])
    command = [str(tools / "bin" / "uv"), "pip", "compile", PROJECT, "--extra", "site"]
    command += ["--group", "build", *LOCK_OPTIONS.format(*OLDEST_PYTHON).split()]
    # Not from this machine's own packages either, which the variables may name.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    for options in (
        ["--output-file", RUNTIME_LOCK],
        ["--output-file", PAGES_LOCK, "--group", "pages", "--constraint", RUNTIME_LOCK],
        ["--output-file", DEVELOPMENT_LOCK, "--group", "dev", "--constraint", PAGES_LOCK],
        ["--output-file", BENCHMARK_LOCK, "--group", "bench", "--constraint", DEVELOPMENT_LOCK],
    ):
        done = subprocess.run([*command, *options, *arguments], cwd=REPOSITORY, env=clean)
        if done.returncode:
            raise Stop("The locks could not be made: uv says above why.")


def prepared(lock: str) -> Environment:
    """Return the checkout's environment, with everything that a lock names."""
    environment = Environment(REPOSITORY, install_with_pip)
    environment.ensure(lock)
    return environment


def become(environment: Environment, *arguments: str) -> None:
    """Replace this process by the environment's Python, so that Ctrl-C and signals go there."""
    os.chdir(REPOSITORY)
    os.execv(environment.python, [str(environment.python), *arguments])  # noqa: S606  # our own Python


def say(line: str) -> None:
    """Print a line at once: what follows takes a while."""
    print(line, flush=True)


COMMANDS: dict[str, Callable[..., None]] = {
    "run": run,
    "test": test,
    "chaos": chaos,
    "prove": prove,
    "siege": siege,
    "bench": bench,
    "development": development,
    "lock": lock,
}


def main(command: str, *arguments: str) -> None:
    """Run a command of the Makefile."""
    try:
        require_python(sys.version_info[:2])
        COMMANDS[command](*arguments)
    except Stop as stop:
        sys.exit(str(stop))
    except OSError as error:
        sys.exit(f"{error.filename or 'The system'}: {error.strerror or error}.")
    except KeyboardInterrupt:
        sys.exit("Interrupted.")


if __name__ == "__main__":
    main(*sys.argv[1:])
