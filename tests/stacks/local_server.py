"""What all servers of the tests have in common: they start, stop, die, freeze and come back on the same address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from tests.stacks.child import Child, ServerFailed
from tests.stacks.ports import free_port
from tests.stacks.process_registry import ProcessRegistry

PORT_TRIES = 5


class LocalServer(ABC):
    """A server process of this machine, which ends with the owner of the process registry."""

    def __init__(self, process_registry: ProcessRegistry) -> None:
        self._process_registry = process_registry
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The running process, with its log. Raise ServerFailed before the first start."""
        if self._child is None:
            raise ServerFailed(f"This {type(self).__name__} was not started.")
        return self._child

    @abstractmethod
    def start(self) -> Self:
        """Start the server and return it when it answers."""

    def stop(self) -> int:
        """Ask the server to end, as a service manager does, and return its exit code."""
        return self.child.stop()

    def kill(self) -> None:
        """End the server with SIGKILL."""
        self.child.kill()

    def restart(self) -> None:
        """Stop the server and start it again on the same address."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Keep the connections open and answer nothing, as behind a broken network."""
        self.child.freeze()

    def thaw(self) -> None:
        """Answer again, also what came meanwhile."""
        self.child.thaw()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class LoopbackServer(LocalServer):
    """A server on a loopback port that stays the same over restarts."""

    def __init__(self, process_registry: ProcessRegistry) -> None:
        super().__init__(process_registry)
        self.port = free_port()

    def start(self) -> Self:
        """Start the server and return it when it answers. Raise ServerFailed if it does not."""
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
        raise ServerFailed(f"Found no port for {type(self).__name__} in {PORT_TRIES} tries.")

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers now."""

    @abstractmethod
    def _spawn(self) -> Child:
        """Start the process on the port."""
