"""The cases, numbered as in the suite (https://github.com/crossbario/autobahn-testsuite), as a table of data.

The payloads of messages stand here without what an API puts around them (`apis`): the suite is written for a server
that sends every message back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from tests.conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    close_payload,
)


class Step(Enum):
    """What a client does between two frames."""

    WAIT = auto()
    """Wait for the next answer."""
    FAIL_FAST = auto()
    """End here: a server that reads text as it comes closes the socket without what follows."""


@dataclass(frozen=True)
class Echo:
    """The answer to a message, which shows what the server has read."""

    payload: bytes
    opcode: int = TEXT
    is_certain: bool = True
    """Not for a message directly before what closes the socket: the suite takes both ("non-strict")."""


@dataclass(frozen=True)
class Pong:
    """The answer to a ping."""

    payload: bytes = b""


CLEAN = 1000
"""The client closes with 1000 when it has all answers, and the server answers with 1000."""


@dataclass(frozen=True)
class Case:
    """What a client sends, what it has to receive, and how the socket has to end."""

    number: str
    sent: tuple[Frame | Step, ...]
    answers: tuple[Echo | Pong, ...] = ()
    close: int | None = CLEAN
    """The code of the server's close frame; None for one without a code."""
    chop: int | None = 0
    """Bytes that are written at once; 0 for a frame, None for everything."""
    size: int | None = None
    """Bytes of the whole message, with what the API puts around the payload."""
    is_raw: bool = False
    """Whether payloads are sent as they stand here, without anything around them."""

    @property
    def section(self) -> int:
        """The chapter of the suite."""
        return int(self.number.partition(".")[0])

    @property
    def closes_itself(self) -> bool:
        """Whether the client sends a close frame as a part of the case."""
        return any(isinstance(each, Frame) and each.opcode == CLOSE for each in self.sent)


HELLO = b"Hello, world!"
VALID = "Hello-µ@ßöäüàá-UTF-8!!".encode()
GREEK = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
SURROGATE = b"\xed\xa0\x80edited"
NO_CODE_POINT = b"\xf4\x90\x80\x80"
PIECES = tuple(f"fragment{n}".encode() for n in range(1, 6))


def message(payload: bytes, opcode: int = TEXT) -> Frame:
    """Return a message of one frame."""
    return Frame(opcode, payload)


def fragments(*payloads: bytes, opcode: int = TEXT) -> list[Frame]:
    """Return the frames of one message."""
    last = len(payloads) - 1
    return [
        Frame(CONTINUATION if n else opcode, payload, fin=n == last)
        for n, payload in enumerate(payloads)
    ]


def octets(payload: bytes) -> list[Frame]:
    """Return a message of frames of one byte."""
    return fragments(*(bytes((byte,)) for byte in payload))


def closing(code: int, reason: bytes = b"") -> Frame:
    """Return a close frame."""
    return Frame(CLOSE, close_payload(code, reason))


def framing() -> Iterator[Case]:
    """1: messages of all forms of length."""
    sizes = (0, 125, 126, 127, 128, 65_535, 65_536, 65_536)
    for kind, opcode in ((1, TEXT), (2, BINARY)):
        for number, size in enumerate(sizes, 1):
            payload = b"*" * size if opcode == TEXT else b"\xfe" * size
            yield Case(
                f"1.{kind}.{number}",
                (message(payload, opcode),),
                (Echo(payload, opcode),),
                chop=997 if number == 8 else 0,
                size=size,
                is_raw=size == 0 or opcode == BINARY,
            )


def pings() -> Iterator[Case]:
    """2: pings and pongs."""
    full = b"\xfe" * 125
    answered = {1: b"", 2: HELLO, 3: b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 4: full}
    for number, payload in answered.items():
        yield Case(f"2.{number}", (Frame(PING, payload),), (Pong(payload),))
    yield Case("2.5", (Frame(PING, b"\xfe" * 126),), close=1002)
    yield Case("2.6", (Frame(PING, full),), (Pong(full),), chop=1)
    yield Case("2.7", (Frame(PONG),))
    yield Case("2.8", (Frame(PONG, b"unsolicited"),))
    yield Case("2.9", (Frame(PONG, b"unsolicited"), Frame(PING, b"ping")), (Pong(b"ping"),))
    ten = [b"payload-%d" % number for number in range(10)]
    for number, chop in ((10, 0), (11, 1)):
        sent, answers = (
            tuple(Frame(PING, each) for each in ten),
            tuple(Pong(each) for each in ten),
        )
        yield Case(f"2.{number}", sent, answers, chop=chop)


def reserved_bits() -> Iterator[Case]:
    """3: bits that no extension has given a meaning."""
    before = Echo(HELLO, is_certain=False)
    yield Case("3.1", (Frame(TEXT, HELLO, reserved=1),), close=1002)
    for number, chop in ((2, None), (3, 0), (4, 1)):
        sent = (message(HELLO), Frame(TEXT, HELLO, reserved=number), Frame(PING))
        yield Case(f"3.{number}", sent, (before,), close=1002, chop=chop)
    yield Case("3.5", (Frame(BINARY, b"\x00\xff", reserved=5),), close=1002)
    yield Case("3.6", (Frame(PING, HELLO, reserved=6),), close=1002)
    yield Case("3.7", (Frame(CLOSE, close_payload(1000), reserved=7),), close=1002)


def opcodes() -> Iterator[Case]:
    """4: opcodes that mean nothing."""
    before = Echo(HELLO, is_certain=False)
    for kind, first in ((1, 3), (2, 11)):
        for number in range(5):
            frame = Frame(first + number, b"" if number in (0, 2) else HELLO)
            sent = (frame,) if number < 2 else (message(HELLO), frame, Frame(PING))
            answers = () if number < 2 else (before,)
            chop = 1 if number == 4 else 0
            yield Case(f"4.{kind}.{number + 1}", sent, answers, close=1002, chop=chop)


def fragmentation() -> Iterator[Case]:
    """5: messages of several frames."""
    one, two, three, four, five = PIECES
    both = Echo(one + two)
    yield Case("5.1", (Frame(PING, one, fin=False), Frame(CONTINUATION, two)), close=1002)
    yield Case("5.2", (Frame(PONG, one, fin=False), Frame(CONTINUATION, two)), close=1002)
    for number, chop in ((3, None), (4, 0), (5, 1)):
        yield Case(f"5.{number}", (*fragments(one, two),), (both,), chop=chop)
    first, second = fragments(one, two)
    sent: tuple[Frame, ...] = (first, Frame(PING, b"ping"), second)
    for number, chop in ((6, None), (7, 0), (8, 1)):
        yield Case(f"5.{number}", sent, (Pong(b"ping"), both), chop=chop)
    for number, fin in ((9, True), (12, False)):
        for offset, chop in enumerate((None, 0, 1)):
            sent = (Frame(CONTINUATION, b"nothing to continue", fin=fin), message(HELLO))
            yield Case(f"5.{number + offset}", sent, close=1002, chop=chop)
    sent = (*fragments(one, two), Frame(CONTINUATION, three, fin=False), message(four))
    answer = Echo(one + two, is_certain=False)
    yield Case("5.15", sent, (answer,), close=1002, chop=None)
    for number, fin in ((16, False), (17, True)):
        repeated = (Frame(CONTINUATION, one, fin=fin), *fragments(two, three)) * 2
        yield Case(f"5.{number}", repeated, close=1002)
    yield Case("5.18", (first, Frame(TEXT, two)), close=1002, chop=None)
    parts = fragments(one, two, three, four, five)
    pinged = (Frame(PING, b"pongme 1!"), Frame(PING, b"pongme 2!"))
    for number, chop in ((19, None), (20, 0)):
        yield Case(
            f"5.{number}",
            (*parts[:2], pinged[0], Step.WAIT, *parts[2:4], pinged[1], parts[4]),
            (Pong(b"pongme 1!"), Pong(b"pongme 2!"), Echo(b"".join(PIECES))),
            chop=chop,
        )


def text() -> Iterator[Case]:
    """6: text that is UTF-8, and text that is not."""
    yield Case("6.1.1", (message(b""),), (Echo(b""),), is_raw=True)
    yield Case("6.1.2", (*fragments(b"", b"", b""),), (Echo(b""),), is_raw=True)
    middle = b"middle frame payload"
    yield Case("6.1.3", (*fragments(b"", middle, b""),), (Echo(middle),))
    yield Case("6.2.1", (message(VALID),), (Echo(VALID),))
    yield Case("6.2.2", (*fragments(VALID[:12], VALID[12:]),), (Echo(VALID),))
    yield Case("6.2.3", (*octets(VALID),), (Echo(VALID),))
    yield Case("6.2.4", (*octets(GREEK),), (Echo(GREEK),))
    yield Case("6.3.1", (message(GREEK + SURROGATE),), close=1007)
    yield Case("6.3.2", (*octets(GREEK + SURROGATE),), close=1007)
    whole = GREEK + NO_CODE_POINT + b"edited"
    start = len(GREEK)
    for number, end in ((1, start + 4), (2, start + 2)):
        a, b, c = fragments(whole[: end - 1 if number == 2 else start], b"", b"")
        b = Frame(CONTINUATION, whole[len(a.payload) : end], fin=False)
        c = Frame(CONTINUATION, whole[end:])
        yield Case(f"6.4.{number}", (a, b, Step.FAIL_FAST, c), close=1007)
        # As one frame in three writes. The suite lets a server wait for the end of the frame ("non-strict").
        yield Case(f"6.4.{number + 2}", (message(whole),), close=1007, chop=len(a.payload))
    for section, (valid, invalid) in enumerate(SEQUENCES, 5):
        texts = [(each, True) for each in valid] + [(each, False) for each in invalid]
        for number, (payload, is_valid) in enumerate(texts, 1):
            answers = (Echo(payload),) if is_valid else ()
            yield Case(
                f"6.{section}.{number}",
                (message(payload),),
                answers,
                close=CLEAN if is_valid else 1007,
            )


def _noncharacters() -> Iterator[bytes]:
    for plane in range(17):
        for low in (0xFFFE, 0xFFFF):
            yield chr(plane << 16 | low).encode()


def _characters(first: int, end: int) -> bytes:
    return b"".join(bytes((byte, 0x20)) for byte in range(first, end))


_PREFIXES = [GREEK[:end] for end in range(1, len(GREEK) + 1)]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_UNFINISHED = (
    *(b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80"),
    *(b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"),
)

# Markus Kuhn's UTF-8 stress test, as the suite has it: the valid and the invalid texts of each chapter, from 6.5 on.
SEQUENCES: tuple[tuple[Iterable[bytes], Iterable[bytes]], ...] = (
    (
        [
            b"hello$world",
            "hello¢world".encode(),
            "hello€world".encode(),
            "hello𤭢world".encode(),
            GREEK,
        ],
        [],
    ),
    (
        [each for each in _PREFIXES if _is_text(each)],
        [each for each in _PREFIXES if not _is_text(each)],
    ),
    ([b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"], []),
    ([], [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    ([b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"], []),
    ([], [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    ([b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"], [NO_CODE_POINT]),
    ([], [*((b"\x80\xbf" * 4)[:size] for size in range(1, 7)), b"\xbf", bytes(range(0x80, 0xBF))]),
    (
        [],
        [
            _characters(*ends)
            for ends in ((0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD))
        ],
    ),
    ([], _UNFINISHED),
    ([], [b"".join(_UNFINISHED)]),
    ([], [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    (
        [],
        [
            *(b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf"),
            *(b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"),
        ],
    ),
    (
        [],
        [
            *(b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"),
            *(b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"),
        ],
    ),
    (
        [],
        [
            *(b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80"),
            *(b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"),
        ],
    ),
    (
        [],
        [
            chr(each).encode(errors="surrogatepass")
            for each in (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF)
        ],
    ),
    (
        [],
        [
            (chr(high) + chr(low)).encode(errors="surrogatepass")
            for high in (0xD800, 0xDB7F, 0xDB80, 0xDBFF)
            for low in (0xDC00, 0xDFFF)
        ],
    ),
    (_noncharacters(), []),
    ([chr(each).encode() for each in range(0xFFF9, 0x10000)], []),
)
SEQUENCES = tuple((tuple(valid), tuple(invalid)) for valid, invalid in SEQUENCES)


def closes() -> Iterator[Case]:
    """7: how sockets end."""
    normal = closing(1000)
    yield Case("7.1.1", (message(HELLO),), (Echo(HELLO),))
    yield Case("7.1.2", (normal, Frame(CLOSE)))
    yield Case("7.1.3", (normal, Frame(PING)))
    yield Case("7.1.4", (normal, message(HELLO)))
    first, second = fragments(*PIECES[:2])
    yield Case("7.1.5", (first, normal, second))
    long = b"*" * 262_144
    sent = (message(long), normal, Frame(PING))
    # The suite takes any of: both messages answered, one of them, none.
    answers = (Echo(long, is_certain=False),)
    yield Case("7.1.6", sent, answers, is_raw=True, chop=None)
    yield Case("7.3.1", (Frame(CLOSE),), close=None)
    yield Case("7.3.2", (Frame(CLOSE, b"a"),), close=1002)
    yield Case("7.3.3", (normal,))
    yield Case("7.3.4", (closing(1000, HELLO),))
    yield Case("7.3.5", (closing(1000, b"*" * 123),))
    yield Case("7.3.6", (closing(1000, b"*" * 124),), close=1002)
    yield Case("7.5.1", (closing(1000, GREEK + SURROGATE),), close=1007)
    codes = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    for number, code in enumerate(codes, 1):
        yield Case(f"7.7.{number}", (closing(code),), close=code)
    wrong = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)
    for number, code in enumerate(wrong, 1):
        yield Case(f"7.9.{number}", (closing(code),), close=1002)
    for number, code in enumerate((5000, 65_535), 1):
        yield Case(f"7.13.{number}", (closing(code),), close=1002)


MEGABYTE = 1024 * 1024
ROUND_TRIPS = 50
"""The suite makes 1000 of each size, to measure their time."""

MOST_FRAGMENTS = 5000
"""Of the 65,536 of the longest cases: the server has closed the socket long before."""


def limits() -> Iterator[Case]:
    """9: long messages, up to the server's limit and beyond; and many."""
    for kind, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        sizes = (65_536, 262_144, MEGABYTE, 4 * MEGABYTE, 8 * MEGABYTE, 16 * MEGABYTE)
        for number, size in enumerate(sizes, 1):
            is_raw = size > 65_536 or opcode == BINARY
            payload = byte * size
            yield Case(
                f"9.{kind}.{number}",
                (message(payload, opcode),),
                (Echo(payload, opcode),) if size < MEGABYTE else (),
                close=CLEAN if size < MEGABYTE else 1009,
                size=size,
                is_raw=is_raw,
            )
        for number in range(9):
            part, whole = 64 * 4**number, byte * (4 * MEGABYTE)
            parts = [whole[at : at + part] for at in range(0, len(whole), part)]
            sent = tuple(fragments(*parts, opcode=opcode))[:MOST_FRAGMENTS]
            yield Case(f"9.{kind + 2}.{number + 1}", sent, close=1009, is_raw=True, chop=None)
        for number in range(6):
            sent = (message(byte * MEGABYTE, opcode),)
            chop = 64 * 2**number
            yield Case(f"9.{kind + 4}.{number + 1}", sent, close=1009, is_raw=True, chop=chop)
    for number, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
        payload = b"*" * size
        steps: list[Frame | Step] = []
        for _ in range(ROUND_TRIPS):
            steps += (message(payload), Step.WAIT)
        yield Case(f"9.7.{number}", tuple(steps), (Echo(payload),) * ROUND_TRIPS)
    endless = fragments(*[b"*" * 4096] * 1000)[:-1]
    yield Case("9.9.1", tuple(endless), close=1009, is_raw=True, chop=None)


def auto_fragmentation() -> Iterator[Case]:
    """10: a message in frames of 1300 bytes."""
    whole = b"*" * 65_000
    parts = (whole[at : at + 1300] for at in range(0, len(whole), 1300))
    yield Case("10.1.1", (*fragments(*parts),), (Echo(whole),))


@cache
def all_cases() -> list[Case]:
    """Return the cases of all sections."""
    sections = (framing, pings, reserved_bits, opcodes, fragmentation, text, closes, limits)
    return [case for section in (*sections, auto_fragmentation) for case in section()]


OFFERS = {
    "12": "permessage-deflate; client_max_window_bits",
    "13.1": "permessage-deflate",
    "13.2": "permessage-deflate; server_no_context_takeover",
    "13.3": "permessage-deflate; server_max_window_bits=9",
    "13.4": "permessage-deflate; server_max_window_bits=15",
    "13.5": "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    "13.6": "permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
    "13.7": "permessage-deflate; server_max_window_bits=9, permessage-deflate",
}
"""12 and 13: what a client offers. The server declines, and the socket goes on without compression."""
