"""The product as users run it: `manage.py serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.stacks.child import Child, ServerFailed
from tests.stacks.local_server import LoopbackServer
from tests.stacks.ports import LOOPBACK
from tests.stacks.process_registry import ProcessRegistry

REPOSITORY = Path(__file__).resolve().parents[2]
HEALTH_SECONDS = 2.0


class ServerProcess(LoopbackServer):
    """A server of the product on a loopback port that stays the same over restarts.

    It sees this process's environment with the variables given put over it, or taken out where they are None, as
    they were when the server was made. Its packages are imported already (`warm_python.py`), unless `warm` is false.
    """

    def __init__(
        self,
        process_registry: ProcessRegistry,
        environment: Mapping[str, str | None] | None = None,
        *,
        warm: bool = True,
    ) -> None:
        super().__init__(process_registry)
        self._warm = warm
        self._directory = process_registry.new_directory("server")
        self._environment = _with_changes(os.environ, environment or {})

    @property
    def http(self) -> str:
        """The address of the server, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ws(self) -> str:
        """The address of the server's sockets, without a slash at the end."""
        return f"ws://{LOOPBACK}:{self.port}"

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

    def log(self) -> str:
        """Return what the server has printed since it was first started."""
        return self.child.log.read_text(errors="replace")

    def _spawn(self) -> Child:
        return Child(
            self._process_registry,
            [sys.executable, "manage.py", "serve", "--port", str(self.port)],
            log=self._directory / "log",
            environment=self._environment,
            directory=REPOSITORY,
            stop_signal=signal.SIGTERM,
            warm=self._warm,
        )


def _with_changes(
    environment: Mapping[str, str], changes: Mapping[str, str | None]
) -> dict[str, str]:
    changed = {**environment, **changes}
    return {name: value for name, value in changed.items() if value is not None}
