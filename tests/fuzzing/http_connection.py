"""Connections to which bytes are sent as they are, without a library that would put them right."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence

from tests.fuzzing.soundness import WAIT_SECONDS, mute

QUIET_SECONDS = 0.1
"""After so long without an answer, a connection is set aside. Nothing is decided by it but when it is looked at."""

MOST_ASIDE = 64
READ_BYTES = 1 << 20


class Connection:
    """One connection, what was sent on it, and what came back."""

    def __init__(self, port: int, pieces: Sequence[bytes], *, half_close: bool) -> None:
        self.sent = b"".join(pieces)
        self.received = bytearray()
        self.is_ended = False
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                self.send(piece)
        except BaseException:
            self.close()
            raise
        if half_close:
            self.half_close()

    def send(self, data: bytes) -> None:
        """Send data, and read meanwhile, so that neither side waits for the other. Raises Unsound."""
        deadline = time.monotonic() + WAIT_SECONDS
        rest = memoryview(data)
        while len(rest) and not self.is_ended:
            seconds = max(0.0, deadline - time.monotonic())
            both = [self._socket]
            readable, writable, _ = select.select(both, both, [], seconds)
            if readable:
                self._read()
            elif writable:
                rest = rest[self._write(rest) :]
            else:
                raise mute(self.sent)

    def _write(self, rest: memoryview) -> int:
        try:
            return self._socket.send(rest)
        except ConnectionError:
            # What has come before may still be there to be read.
            return len(rest)

    def half_close(self) -> None:
        """Send no more."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.is_ended = True

    def wait_end(self, seconds: float) -> bool:
        """Read until the server ends the connection, or is quiet for so long; return whether it has ended."""
        while not self.is_ended and select.select([self._socket], [], [], seconds)[0]:
            self._read()
        return self.is_ended

    def wait_header(self, seconds: float) -> None:
        """Read until there is the header of a response, or the end."""
        while (
            not self.is_ended
            and b"\r\n\r\n" not in self.received
            and select.select([self._socket], [], [], seconds)[0]
        ):
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except ConnectionError:
            data = b""
        self.received += data
        self.is_ended = not data

    def close(self) -> None:
        """Close it from this side."""
        self._socket.close()


class SetAside:
    """Connections that have not ended yet: the server waits for more of a request, until its time limit."""

    def __init__(self) -> None:
        self._waiting: deque[Connection] = deque()

    def add(self, connection: Connection) -> list[Connection]:
        """Take a connection; return those that have ended, the oldest by our half-close if there are too many."""
        self._waiting.append(connection)
        ended = self._ended()
        if len(self._waiting) > MOST_ASIDE:
            oldest = self._waiting.popleft()
            oldest.half_close()
            ended.append(self._wait(oldest))
        return ended

    def finish(self, *, half_close: bool) -> list[Connection]:
        """Wait for all of them. Raises Unsound for one that the server does not end."""
        for connection in self._waiting:
            if half_close:
                connection.half_close()
        ended = [self._wait(connection) for connection in self._waiting]
        self._waiting.clear()
        return ended

    def _ended(self) -> list[Connection]:
        ended = [each for each in self._waiting if each.wait_end(0)]
        for each in ended:
            each.close()
        self._waiting = deque(each for each in self._waiting if not each.is_ended)
        return ended

    def _wait(self, connection: Connection) -> Connection:
        try:
            if not connection.wait_end(WAIT_SECONDS):
                raise mute(connection.sent)
        finally:
            connection.close()
        return connection
