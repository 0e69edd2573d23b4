"""A client's side of WebSocket, without any input or output: the opening request, and frames."""

from __future__ import annotations

TEXT = 0x81
BINARY = 0x82
CLOSE = 0x88
PING = 0x89
PONG = 0x8A
# All zeros is a mask like any other, and makes the frames of a thousand sockets the same bytes.
_MASK = b"\0\0\0\0"


def opening(host: str, path: str, headers: tuple[str, ...] = ()) -> bytes:
    """Return the request that opens a socket."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a client's frame."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, 0x80 | size)) + _MASK + payload
    if size < 1 << 16:
        return bytes((opcode, 0x80 | 126)) + size.to_bytes(2, "big") + _MASK + payload
    return bytes((opcode, 0x80 | 127)) + size.to_bytes(8, "big") + _MASK + payload


def read_frame(data: bytes, position: int) -> tuple[int, int, int] | None:
    """Return opcode, begin and end of the payload of a server's frame, or None if it has not all come yet."""
    available = len(data)
    if available - position < 2:
        return None
    size = data[position + 1]
    begin = position + 2
    if size > 125:
        begin += 2 if size == 126 else 8
        if available < begin:
            return None
        size = int.from_bytes(data[position + 2 : begin], "big")
    end = begin + size
    return None if end > available else (data[position], begin, end)
