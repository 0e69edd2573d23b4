"""WebSocket frames of a client, right or wrong, and those of a server."""

from __future__ import annotations

import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

MASK = b"\x37\xfa\x21\x3d"
"""As in the examples of RFC 6455."""


@dataclass(frozen=True)
class Frame:
    """A frame; `reserved` has the three reserved bits, 0 to 7."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    reserved: int = 0

    @property
    def is_data(self) -> bool:
        """Whether the frame is a part of a message."""
        return self.opcode in (CONTINUATION, TEXT, BINARY)


def encoded(frame: Frame, *, mask: bytes | None = MASK) -> bytes:
    """Return a frame as a client sends it, or without a mask as no client may."""
    first = frame.fin << 7 | frame.reserved << 4 | frame.opcode
    is_masked = 0 if mask is None else 0x80
    size = len(frame.payload)
    if size < 126:
        head = bytes((first, is_masked | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first, is_masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, is_masked | 127, size)
    if mask is None:
        return head + frame.payload
    return head + mask + with_mask(frame.payload, mask)


def with_mask(payload: bytes, mask: bytes) -> bytes:
    """Return the payload with the mask put over it, or taken away."""
    if not any(mask):
        return payload
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)


def first_frame(data: bytes | bytearray) -> tuple[Frame, int] | None:
    """Return the first frame of what a server has sent, and its length; None while it is not complete."""
    if len(data) < 2:
        return None
    size, start = data[1], 2
    if size == 126:
        start = 4
        size = int.from_bytes(data[2:4])
    elif size == 127:
        start = 10
        size = int.from_bytes(data[2:10])
    if len(data) < start + size:
        return None
    payload = bytes(data[start : start + size])
    return Frame(data[0] & 0xF, payload, bool(data[0] & 0x80), data[0] >> 4 & 7), start + size


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """Return the payload of a close frame."""
    return struct.pack("!H", code) + reason
