"""What every door of the fuzzer is: a way into the server, with a generator of what to send through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from tests.fuzzing.target import Target


class Door(ABC):
    """Sends generated input to one server, and looks at what it answers."""

    name: ClassVar[str]
    """As in `--door`."""

    short_inputs: ClassVar[int] = 200
    """How many inputs the short run within the tests sends."""

    writes: ClassVar[bool] = True
    """Whether the input may change the inbox of the user whose token it has."""

    ordinary_cpu_seconds: ClassVar[float] = 0.003
    """What each answer but the slowest takes of the server's processor at most, where an attempt has several."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.sent: object = None
        """What the last attempt has sent, to be printed with a finding."""

    @abstractmethod
    def attempt(self, random: Random) -> int:
        """Send what `random` decides, and nothing else does; return how many inputs it was (messages, requests).

        The number of the attempt then suffices to replay it. Raises Unsound, with what was sent, for an answer that
        no input may have, and for a connection that gets neither an answer nor an end.
        """

    def finish(self, *, is_long: bool) -> None:
        """Wait for the answers that were not awaited yet, and close what is open. Raises Unsound."""
        return
