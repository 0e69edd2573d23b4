"""The product as users run it: `manage.py serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.stacks.child import Child, ServerFailed
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry

REPOSITORY = Path(__file__).resolve().parents[2]
PORT_TRIES = 5
HEALTH_SECONDS = 2.0


class ServerProcess:
    """A server of the product on a loopback port that stays the same over restarts.

    It sees this process's environment with the variables given put over it, or taken out where they are None, as
    they were when the server was made.
    """

    def __init__(
        self, process_registry: ProcessRegistry, environment: Mapping[str, str | None] | None = None
    ) -> None:
        self._process_registry = process_registry
        self._directory = process_registry.new_directory("server")
        self._environment = _with_changes(os.environ, environment or {})
        self._child: Child | None = None
        self.port = free_port()

    @property
    def child(self) -> Child:
        """The running process, with its log. Raise ServerFailed before the first start."""
        if self._child is None:
            raise ServerFailed("This server was not started.")
        return self._child

    @property
    def http(self) -> str:
        """The address of the server, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ws(self) -> str:
        """The address of the server's sockets, without a slash at the end."""
        return f"ws://{LOOPBACK}:{self.port}"

    def start(self) -> Self:
        """Start the server and return it when it answers."""
        for _ in range(PORT_TRIES if self._child is None else 1):
            child = self._spawn()
            try:
                child.wait_until(self.answers)
            except ServerFailed:
                child.kill()
                # Another process may have taken the port since it was chosen; no client has the address yet.
                if self._child is not None or "in use" not in child.tail():
                    raise
                self.port = free_port()
                continue
            self._child = child
            return self
        raise ServerFailed(f"Found no port for the server in {PORT_TRIES} tries.")

    def answers(self) -> bool:
        """Whether `/healthz` answers with 200."""
        try:
            with urllib.request.urlopen(f"{self.http}/healthz", timeout=HEALTH_SECONDS) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            raise ServerFailed(
                f"/healthz answered {error.code}.\n{error.read().decode()}"
            ) from None
        except OSError:
            return False

    def stop(self) -> int:
        """Ask the server to end, as a service manager does, and return its exit code."""
        return self.child.stop()

    def kill(self) -> None:
        """End the server with SIGKILL."""
        self.child.kill()

    def restart(self) -> None:
        """Stop the server and start it again on the same port."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Keep the sockets open and answer nothing."""
        self.child.freeze()

    def thaw(self) -> None:
        """Answer again."""
        self.child.thaw()

    def log(self) -> str:
        """Return what the server has printed since it was first started."""
        return self.child.text()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self) -> Child:
        return Child(
            self._process_registry,
            [sys.executable, "manage.py", "serve", "--port", str(self.port)],
            log=self._directory / "log",
            environment=self._environment,
            directory=REPOSITORY,
            stop_signal=signal.SIGTERM,
        )


def _with_changes(
    environment: Mapping[str, str], changes: Mapping[str, str | None]
) -> dict[str, str]:
    changed = {**environment, **changes}
    return {name: value for name, value in changed.items() if value is not None}
