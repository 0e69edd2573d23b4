"""Reads what a server has answered on a connection, and compares it with how another parser reads what was sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

import h11

from tests.fuzzing.soundness import Unsound, check_status

_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[!-9;-~]+:[^\r\n]*\r\n)*)\r\n")
_LENGTH = re.compile(rb"^content-length: *(\d+)\r$", re.I | re.M)
_CHUNKED = re.compile(rb"^transfer-encoding: *chunked\r$", re.I | re.M)
_CLOSE = re.compile(rb"^connection: *close\r$", re.I | re.M)
_CHUNK = re.compile(rb"([0-9a-f]+)\r\n", re.I)

REFUSALS = {400, 408, 413, 414, 429, 431, 503}
"""With which the server refuses what it does not parse, or serve, and ends the connection."""

SWITCHED = 101

OTHER_PROTOCOLS = (b" RTSP/", b" ICE/")
"""The server's parser takes these names for HTTP, and h11 does not. No proxy passes them on."""

_PROBE = re.compile(rb"\A(\S+ \S*/(?:healthz|readyz|metrics)(?:\?\S*)? HTTP/1\.1\r\n)", re.ASCII)
_SPACES = re.compile(rb"^([A-Z-]+) +(\S+) +(HTTP/1\.[01])\r\n")


@dataclass(frozen=True)
class Answer:
    """One response; those before the final one (1xx) are none."""

    status: int
    closes: bool


def answers(received: bytes, sent: bytes) -> list[Answer]:
    """Return the responses. Raises Unsound for a wrong status and for bytes that are no response."""
    found: list[Answer] = []
    at = 0
    while at < len(received):
        head = _HEAD.match(received, at)
        if head is None:
            # The client had ended first, or the server has cut off a response that nobody read.
            if found and received.startswith(b"HTTP/1.1 ", at):
                break
            raise Unsound(f"{received[at : at + 200]!r} is no response; for {sent!r}")
        status = int(head[1])
        check_status(status, sent)
        if status == SWITCHED:
            return [*found, Answer(status, closes=True)]
        if status >= 200:
            found.append(Answer(status, closes=_CLOSE.search(head[2]) is not None))
        at = _end_of_body(received, head.end(), head[2])
    return found


def _end_of_body(received: bytes, at: int, head: bytes) -> int:
    """Return where the next response begins. The response to HEAD has lengths without a body."""
    if received.startswith(b"HTTP/1.1 ", at):
        return at
    if (length := _LENGTH.search(head)) is not None:
        return min(at + int(length[1]), len(received))
    if _CHUNKED.search(head) is None:
        # To the end of the connection; 204 and 304 have none.
        return len(received)
    while (chunk := _CHUNK.match(received, at)) is not None:
        at = chunk.end() + int(chunk[1], 16) + 2
        if chunk[1].strip(b"0") == b"":
            break
    return min(at, len(received)) if chunk else len(received)


def check_served(received: bytes, sent: bytes) -> list[Answer]:
    """Return the responses. Raises Unsound if the server has served more requests than another parser finds.

    Between two parsers that disagree, such as a proxy's and the server's, requests can be smuggled.
    """
    found = answers(received, sent)
    served = found[:-1] if found and found[-1].status in REFUSALS and found[-1].closes else found
    requests = requests_of(sent)
    if requests is not None and len(served) > requests:
        statuses = [each.status for each in found]
        raise Unsound(f"{statuses} for {requests} requests: {sent!r}")
    return found


def requests_of(sent: bytes) -> int | None:
    """Return how many requests h11 finds; None if it cannot tell. It is stricter than most parsers.

    A request counts when its header is complete. What the server's parser takes beyond it is harmless: more spaces in
    a request line, and empty lines before it.
    """
    if any(each in sent for each in OTHER_PROTOCOLS):
        return None
    count, rest = 0, sent
    while rest := rest.lstrip(b"\r\n"):
        is_counted, following = _first_request(_with_host(_SPACES.sub(rb"\1 \2 \3\r\n", rest)))
        count += is_counted
        if following is None:
            return count
        rest = following
    return count


def _with_host(request: bytes) -> bytes:
    """Return a request with a Host, if it is one that needs none: a probe."""
    header = request.partition(b"\r\n\r\n")[0].lower()
    if b"\nhost:" in header:
        return request
    return _PROBE.sub(rb"\1Host: probe\r\n", request)


def _first_request(sent: bytes) -> tuple[bool, bytes | None]:
    """Return whether there is a request, and what comes after it; None if nothing more may be served."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=10_000_000)
    connection.receive_data(sent)
    is_counted = False
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                is_counted = True
            elif isinstance(event, h11.EndOfMessage):
                is_last = connection.their_state is h11.MUST_CLOSE
                return True, None if is_last else connection.trailing_data[0]
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return is_counted, None
    except h11.RemoteProtocolError:
        return is_counted, None
