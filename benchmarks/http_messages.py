"""A client's side of HTTP/1.1, without any input or output: requests, and the answers to them."""

from __future__ import annotations

import re
from dataclasses import dataclass

JSON = "application/json"
OK = 200
END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
# After the version: "HTTP/1.1 200 OK".
_STATUS = slice(9, 12)


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer, and where in the data it ends."""

    status: int
    body: bytes
    end: int


def request(
    method: str, host: str, path: str, *, token: str | None = None, body: bytes | None = None
) -> bytes:
    """Return a request with a bearer token, if there is one, and with JSON as its body, if there is one."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Accept: {JSON}"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None:
        lines += [f"Content-Type: {JSON}", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


def read_answer(data: bytes) -> Answer | None:
    """Return the answer that begins the data, or None if it has not all come yet.

    Raise ValueError for an answer without a length: nobody could tell where it ends.
    """
    head = data.find(END_OF_HEAD)
    if head < 0:
        return None
    begin = head + len(END_OF_HEAD)
    # With the end of the last line.
    found = _LENGTH.search(data, 0, head + 2)
    if found is not None:
        end = begin + int(found[1])
        return Answer(int(data[_STATUS]), data[begin:end], end) if len(data) >= end else None
    if _CHUNKED.search(data, 0, head + 2) is None:
        raise ValueError(f"An answer without a length: {data[:head]!r}")
    chunks = _read_chunks(data, begin)
    return None if chunks is None else Answer(int(data[_STATUS]), *chunks)


def _read_chunks(data: bytes, position: int) -> tuple[bytes, int] | None:
    """Return the body and where it ends, or None if it has not all come yet. Trailers are not expected."""
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", position)) >= 0:
        size = int(data[position:line].partition(b";")[0], 16)
        begin = line + 2
        position = begin + size + 2
        if len(data) < position:
            return None
        if not size:
            return b"".join(parts), position
        parts.append(data[begin : begin + size])
    return None
