"""A WebSocket without a library, which can break every rule and reads while it writes."""

from __future__ import annotations

import base64
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Self

from tests.conformance.frames import PING, Frame, first_frame
from tests.fuzzing.soundness import WAIT_SECONDS, Unsound

READ_BYTES = 65_536


class RawSocket:
    """A socket after its handshake. `early` is sent together with the handshake."""

    def __init__(
        self, port: int, path: str, subprotocol: str | None = None, early: bytes = b""
    ) -> None:
        self.frames: list[Frame] = []
        """What the server has sent, without its own pings."""
        self.is_over = False
        """Whether the server has ended the connection."""
        self._received = bytearray()
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        offer = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        key = base64.b64encode(bytes(16)).decode()
        head = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
        )
        self._socket.sendall(head.encode() + early)
        answer = bytearray()
        while b"\r\n\r\n" not in answer:
            data = self._socket.recv(READ_BYTES)
            if not data:
                break
            answer += data
        if not answer.startswith(b"HTTP/1.1 101 "):
            raise Unsound(f"{bytes(answer[:300])!r} for a handshake")
        self._take(bytes(answer.partition(b"\r\n\r\n")[2]))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send each piece by itself, and read meanwhile. Stops when the server has ended the connection."""
        deadline = time.monotonic() + WAIT_SECONDS
        for piece in pieces:
            rest = memoryview(piece)
            while rest and not self.is_over:
                readable, writable, _ = select.select(
                    [self._socket], [self._socket], [], _left(deadline)
                )
                if readable:
                    self._read()
                if writable and not self.is_over:
                    try:
                        rest = rest[self._socket.send(rest) :]
                    except BlockingIOError:
                        pass
                    except OSError:
                        self._read()
                        return

    def send_end(self) -> None:
        """Send the end of the stream: this side sends nothing more."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._read()

    def read_until(self, is_enough: Callable[[list[Frame]], bool]) -> None:
        """Read until there is enough, or to the end. Raises TimeoutError."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.is_over and not is_enough(self.frames):
            select.select([self._socket], [], [], _left(deadline))
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take(data)
        else:
            self.is_over = True

    def _take(self, data: bytes) -> None:
        self._received += data
        while (found := first_frame(self._received)) is not None:
            frame, size = found
            del self._received[:size]
            if frame.opcode != PING:
                self.frames.append(frame)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
