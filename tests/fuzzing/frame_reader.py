"""What RFC 6455 says of the bytes that a client has sent: a reader of frames that shares no code with the server's."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    with_mask,
)

MAX_SIZE = 4 * 65_536
"""Bytes of a message and of a frame. The limit of the APIs is lower."""

MAX_FRAMES = 128

CLOSE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


class End(Enum):
    """How the bytes end."""

    OPEN = auto()
    """Between two frames."""
    PARTIAL = auto()
    """Within a frame."""
    CLOSED = auto()
    """The client has closed the socket."""
    FAILED = auto()
    """The client has broken the protocol or a limit."""


@dataclass
class Reading:
    """What was read until the socket had to end."""

    pings: list[bytes] = field(default_factory=list)
    messages: list[tuple[int, bytes]] = field(default_factory=list)
    end: End = End.OPEN
    codes: set[int | None] = field(default_factory=set)
    """The codes with which the server may close; None for a close frame without a code."""
    in_message: bool = False
    """Whether the next frame has to continue a message."""
    later_pings: list[bytes] = field(default_factory=list)
    """Those after a failure, which may be answered when they were read together with it."""


class _Failed(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class FrameReader:
    """Reads frames one after the other."""

    def __init__(self) -> None:
        self.reading = Reading()
        self._opcode: int | None = None
        self._payload = b""
        self._frames = 0
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    def read(self, data: bytes) -> Reading:
        """Return what the bytes mean."""
        at = 0
        while at < len(data):
            try:
                size = self._frame(data[at : at + MAX_SIZE + 14])
            except _Failed as failed:
                self._end(End.FAILED, failed.code)
                return self.reading
            if size == 0:
                if self.reading.end is End.OPEN:
                    self.reading.end = End.PARTIAL
                return self.reading
            at += size
            if self.reading.end is End.CLOSED:
                return self.reading
        self.reading.in_message = self._opcode is not None
        return self.reading

    def _end(self, end: End, code: int | None) -> None:
        # The frames of one read are parsed together, so one that is wrong may count before what comes first.
        self.reading.codes.add(code)
        if self.reading.end is not End.FAILED:
            self.reading.end = end

    def _frame(self, data: bytes) -> int:
        """Read a frame; return its length, 0 if it is not complete."""
        if len(data) < 2:
            return 0
        fin, reserved, opcode = data[0] >> 7, data[0] >> 4 & 7, data[0] & 0xF
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG) or not data[1] & 0x80:
            raise _Failed(1002)
        size, start = data[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(data) < start:
                return 0
            size = int.from_bytes(data[2:start])
        if size > MAX_SIZE - len(self._payload):
            raise _Failed(1009)
        if len(data) < start + 4 + size:
            return 0
        payload = with_mask(data[start + 4 : start + 4 + size], data[start : start + 4])
        if reserved or (opcode >= CLOSE and (size > 125 or not fin)):
            raise _Failed(1002)
        if opcode >= CLOSE:
            self._control(opcode, payload)
        else:
            self._data(opcode, payload, is_last=bool(fin))
        return start + 4 + size

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            is_over = self.reading.end is End.FAILED
            (self.reading.later_pings if is_over else self.reading.pings).append(payload)
        if opcode != CLOSE:
            return
        if len(payload) == 1:
            raise _Failed(1002)
        if payload:
            try:
                payload[2:].decode()
            except UnicodeDecodeError:
                raise _Failed(1007) from None
            if int.from_bytes(payload[:2]) not in CLOSE_CODES:
                raise _Failed(1002)
        self._end(End.CLOSED, int.from_bytes(payload[:2]) if payload else None)

    def _data(self, opcode: int, payload: bytes, *, is_last: bool) -> None:
        if (opcode == CONTINUATION) is (self._opcode is None):
            raise _Failed(1002)
        if opcode != CONTINUATION:
            self._opcode, self._payload, self._frames = opcode, b"", 0
            self._utf8.reset()
        self._frames += 1
        self._payload += payload
        if self._frames > MAX_FRAMES:
            self._end(End.FAILED, 1009)
        elif self._opcode == TEXT:
            try:
                self._utf8.decode(payload, is_last)
            except UnicodeDecodeError:
                self._end(End.FAILED, 1007)
                self._utf8.reset()
        if is_last:
            assert self._opcode is not None
            if self.reading.end is not End.FAILED:
                self.reading.messages.append((self._opcode, self._payload))
            self._opcode, self._payload = None, b""
