"""WebSocket frames as a server sends them (RFC 6455, section 5.2)."""

from __future__ import annotations

import struct

_TEXT = 0x81
"""A whole text message: FIN, and the opcode 1."""

_pack_medium = struct.Struct("!BBH").pack
_pack_long = struct.Struct("!BBQ").pack


def text_header(length: int) -> bytes:
    """Return the frame header of a text message of so many bytes. A server's frames are not masked."""
    if length < 126:
        return bytes((_TEXT, length))
    if length < 65_536:
        return _pack_medium(_TEXT, 126, length)
    return _pack_long(_TEXT, 127, length)
