"""Makes the environment `.venv` that everything else runs in. Needs nothing but Python's standard library.

The Makefile calls it before every command. When nothing has changed it costs a few milliseconds. It says what is
wrong in one line, and keeps to syntax that older Pythons can read, so that they can be told as well.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

OLDEST_PYTHON = (3, 11)
REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("backend", "graphql_schema")
RUNTIME_LOCK = "requirements.lock"
PAGES_LOCK = "requirements-pages.lock"  # and Node, for machines without one
DEVELOPMENT_LOCK = "requirements-dev.lock"
BENCHMARK_LOCK = "requirements-bench.lock"  # and the peers in Python that nothing else needs
# Each lock holds everything of those before it, in the same versions.
LOCKS = (RUNTIME_LOCK, PAGES_LOCK, DEVELOPMENT_LOCK, BENCHMARK_LOCK)
STAMP = "installed.json"
UV = "uv==0.13.9"
LOCK_OPTIONS = (
    # For every Python from the oldest on and every system, with the hashes of the released files ...
    "--universal --python-version {}.{} --generate-hashes --only-binary :all: "
    # ... and without this machine's settings, or the addresses that it gets packages from.
    "--no-config --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet"
)


class Stop(Exception):
    """The command cannot go on; the message is one line that says what to do."""


class Environment:
    """The virtual environment of a repository, and what has been installed into it.

    A stamp in it names the interpreter and the locks that were installed. It is taken away while something changes:
    an environment without one was interrupted, and is made again from the start.
    """

    def __init__(self, repository: Path, install: Callable[[Environment, str], None]) -> None:
        self.repository = repository
        self.directory = repository / ".venv"
        self.python = self.directory / "bin" / "python"
        self._stamp = self.directory / STAMP
        self._install = install

    def ensure(self, lock: str) -> None:
        """Make the environment hold what a lock names. Two commands at a time wait for each other."""
        if self._holds(lock):
            return
        with _one_at_a_time(self.repository / "var" / "environment.lock"):
            if not self._holds(lock):
                self._prepare(lock)

    def packages(self) -> list[str]:
        """Return what is installed, as names with versions."""
        return sorted(path.name for path in self.directory.glob("lib/*/site-packages/*.dist-info"))

    def _holds(self, lock: str) -> bool:
        stamp = self._read_stamp()
        return stamp.get("interpreter") == self._interpreter() and stamp.get(lock) == self._hash(
            lock
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
        say(f"Installing the dependencies of {lock} (a minute or less) ...")
        try:
            self._install(self, lock)
        except BaseException:
            # Most failures are downloads, before anything was changed: what worked until now goes on working.
            if self.packages() == before:
                self._write_stamp(stamp)
            raise
        self._write_stamp(self._stamp_after(lock))

    def _create(self) -> None:
        if self.directory.exists():
            shutil.rmtree(self.directory)
        try:
            venv.create(self.directory, with_pip=True, symlinks=True, prompt=self.repository.name)
        except subprocess.CalledProcessError as error:
            raise Stop(f"The virtual environment .venv cannot be made: {error}") from None
        # As if the repository were installed: pytest and other tools find its packages from anywhere.
        for packages in self.directory.glob("lib/*/site-packages"):
            roots = [self.repository, *(self.repository / root for root in SOURCE_ROOTS)]
            (packages / "repository.pth").write_text("".join(f"{root}\n" for root in roots))

    def _interpreter(self) -> str:
        """Return what the environment depends on besides the locks. It cannot be moved either."""
        return " ".join((sys.version.split()[0], sys.base_prefix, str(self.repository)))

    def _hash(self, lock: str) -> str:
        return hashlib.sha256((self.repository / lock).read_bytes()).hexdigest()

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


def install_with_pip(environment: Environment, lock: str) -> None:
    """Install exactly the files that a lock names. Raise Stop with the reason; pip's words go to a file."""
    log = environment.repository / "var" / "pip.log"
    command = [str(environment.python), "-I", "-m", "pip", "install", "--require-hashes"]
    command += ["--only-binary", ":all:", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "-r", str(environment.repository / lock)]
    with log.open("w") as output:
        # Not closing files, pip holds the lock as well: whoever comes when only we were killed waits for it.
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, close_fds=False)
    if done.returncode:
        reason = why(log.read_text(errors="replace"))
        raise Stop(f"The dependencies could not be installed: {reason} (All of it: var/pip.log.)")


def why(words: str) -> str:
    """Return one sentence for pip's many."""
    if "DO NOT MATCH THE HASHES" in words:
        return "a file is not the one that the lock names. Do not use it; look at the log."
    if "No space left" in words:
        return "the disk is full. Make room and run the command again."
    if "Retrying (" in words or "onnection" in words:
        return "the package index does not answer. Run the command again when the network is there."
    errors = [line for line in words.splitlines() if line.startswith("ERROR: ")]
    return f"pip says: {errors[0][len('ERROR: ') :].rstrip('.') if errors else 'nothing'}."


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
    """Return a port's number. Raise Stop if nobody can listen on it, at either address of localhost."""
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
            if error.errno == errno.EACCES:
                raise Stop(f"Port {port} needs an administrator: choose one above 1023.") from None
            # This machine has no such address, so nobody listens there.
    return port


def run(port: str) -> None:
    """Serve the product to one developer, or to somebody who wants a look."""
    number = require_port(port)
    environment = prepared(RUNTIME_LOCK)
    os.environ.setdefault("ENVIRONMENT", "development")
    declare_development()
    build_pages(environment)
    become(environment, "manage.py", "serve", "--demo", "--port", str(number))


def build_pages(environment: Environment, *, with_tests: bool = False) -> None:
    """Bring the web pages up to date. Without them the server works, and its pages say what is missing."""
    # As a script, this file does not see the repository's packages by itself.
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


def declare_development() -> None:
    """Have every later command in this checkout take it for a developer's, unless it is told otherwise.

    Without the file, `manage.py` would take this machine for production, and refuse its settings.
    """
    settings = REPOSITORY / ".env"
    if os.environ["ENVIRONMENT"] == "development" and not settings.exists():
        settings.write_text(
            "# Settings of this checkout, as environment variables; see docs/configuration.md.\n"
            "# Made by `make run`. A server in production must not have this file.\n"
            "ENVIRONMENT=development\n"
        )


def test(*arguments: str) -> None:
    """Run the tests, on every stack unless the arguments say otherwise."""
    environment = prepared(DEVELOPMENT_LOCK)
    build_pages(environment, with_tests=True)
    become(environment, "-m", "tests.stacks.run", *arguments)


def chaos(*arguments: str) -> None:
    """Strike real servers with faults, and prove that no client has lost anything."""
    environment = prepared(DEVELOPMENT_LOCK)
    become(environment, "-m", "tests.chaos", *arguments)


def bench(*arguments: str) -> None:
    """Measure the product beside what users would run instead."""
    environment = prepared(BENCHMARK_LOCK)
    become(environment, "-m", "benchmarks", *arguments)


def development() -> None:
    """Prepare what those need who change the product."""
    prepared(DEVELOPMENT_LOCK)


def lock(*arguments: str) -> None:
    """Write the locks anew. Versions stay as they are unless the arguments (`--upgrade`) say otherwise."""
    tools = REPOSITORY / "var" / "lock-tools"
    if not (tools / "bin" / "uv").exists():
        require_venv()
        venv.create(tools, clear=True, with_pip=True, symlinks=True)
        pip = [str(tools / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", UV], check=True)
    command = [str(tools / "bin" / "uv"), "pip", "compile", "pyproject.toml"]
    command += LOCK_OPTIONS.format(*OLDEST_PYTHON).split()
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
    """Return the repository's environment when it holds what a lock names."""
    environment = Environment(REPOSITORY, install_with_pip)
    environment.ensure(lock)
    return environment


def become(environment: Environment, *arguments: str) -> None:
    """Replace this process by the environment's Python, so that Ctrl-C and signals go there."""
    os.chdir(REPOSITORY)
    os.execv(environment.python, [str(environment.python), *arguments])


def say(line: str) -> None:
    """Tell what takes a while."""
    print(line, flush=True)


VERBS: dict[str, Callable[..., None]] = {
    "run": run,
    "test": test,
    "chaos": chaos,
    "bench": bench,
    "development": development,
    "lock": lock,
}


def main(verb: str, *arguments: str) -> None:
    """Carry out what the Makefile asks for."""
    try:
        require_python(sys.version_info[:2])
        VERBS[verb](*arguments)
    except Stop as stop:
        sys.exit(str(stop))
    except OSError as error:
        sys.exit(f"{error.filename or 'The system'}: {error.strerror or error}.")
    except KeyboardInterrupt:
        sys.exit("Interrupted.")


if __name__ == "__main__":
    main(*sys.argv[1:])
