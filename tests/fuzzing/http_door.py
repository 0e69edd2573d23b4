"""HTTP as bytes: requests right and wrong, several on one connection, in pieces, and ended early."""

from __future__ import annotations

from random import Random
from typing import ClassVar

from tests.fuzzing.door import Door
from tests.fuzzing.http_answers import check_served
from tests.fuzzing.http_connection import QUIET_SECONDS, Connection, SetAside
from tests.fuzzing.http_requests import PROBE, right_request, spoilt, spoilt_bytes
from tests.fuzzing.soundness import Unsound
from tests.fuzzing.target import Target


class HttpDoor(Door):
    """Each attempt is a connection. After its requests comes one that ends it, so that all others are answered."""

    name: ClassVar[str] = "http"
    short_inputs: ClassVar[int] = 400
    ordinary_cpu_seconds: ClassVar[float] = 0.015
    """Of a page of the admin."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._aside = SetAside()

    def attempt(self, random: Random) -> int:
        """Send some requests on a new connection."""
        sent, count = self._generated(random)
        self.sent = sent
        connection = Connection(
            self.target.port, _split(random, sent), half_close=random.random() < 0.05
        )
        if connection.wait_end(QUIET_SECONDS):
            connection.close()
            _check(connection)
        else:
            for each in self._aside.add(connection):
                _check(each)
        return count

    def finish(self, *, is_long: bool) -> None:
        """Wait for the server to end every connection. In a short run, the client has ended first."""
        for each in self._aside.finish(half_close=not is_long):
            _check(each)

    def _generated(self, random: Random) -> tuple[bytes, int]:
        count = random.choice((1, 1, 1, 1, 2, 3, 8, 30))
        parts = []
        for _ in range(count):
            request = right_request(random, self.target)
            for _ in range(random.choice((0, 1, 1, 1, 2, 4)) if count < 4 else 0):
                request = spoilt(random, request)
            parts.append(bytes(request))
        sent = b"".join(parts) + PROBE
        for _ in range(random.choice((0, 0, 0, 1, 3))):
            sent = spoilt_bytes(random, sent)
        if random.random() < 0.05:
            sent = sent[: random.randrange(1, len(sent) + 1)]
        return sent, count


def _split(random: Random, sent: bytes) -> list[bytes]:
    """Return the bytes in pieces, each of which is sent by itself: mostly one, sometimes each byte."""
    draw = random.random()
    if draw < 0.03 and len(sent) < 2000:
        return [sent[at : at + 1] for at in range(len(sent))]
    count = random.choice((1, 2, 5)) if draw < 0.3 else 0
    cuts = sorted(random.randrange(len(sent) + 1) for _ in range(count))
    return [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


def _check(connection: Connection) -> None:
    received = bytes(connection.received)
    try:
        check_served(received, connection.sent)
    except Unsound as error:
        error.add_note(repr(received[:2000]))
        raise
