"""Raw frames, right and wrong, on all three kinds of sockets.

What has to come of them is known from a reader of our own (`frame_reader`): which pings are answered, which messages
reach the API, and with which code the socket is closed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from tests.conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    close_payload,
    encoded,
)
from tests.fuzzing.door import Door
from tests.fuzzing.frame_reader import End, FrameReader, Reading
from tests.fuzzing.raw_socket import RawSocket
from tests.fuzzing.soundness import Unsound, mute

PROBE = "the last one"
MAX_MESSAGE_BYTES = 65_536
MAX_FAULTS = 20

BAD_TEXTS = (
    *(
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"ok\x80",
        b"\xf8\x88",
    ),
    *("é".encode()[:1], "€".encode()[:2], "𤭢".encode()[:3], b"\xfe\xfe\xff\xff"),
)
GOOD_TEXTS = ("", "x", "é", "€", "𤭢", "\x00", "\x7f", "\uffff", "\U0010ffff", "x" * 200)
CODES = (0, 1, 999, *range(1000, 1017), 1100, 2999, 3000, 3999, 4000, 4999, 5000, 65_535)


@dataclass(frozen=True)
class Kind:
    """A kind of socket, and the messages that are sent on it."""

    path: str
    subprotocol: str | None
    hello: str | None
    """The first message, whose answer is awaited."""
    question: str
    """A message; `{}` is a text."""
    is_strict: bool
    """Whether the socket is closed for a message that is not of the protocol."""


JSON = Kind("/ws/notifications/?token={}", None, None, '{"type":"ping"}', False)
TRANSPORT = Kind(
    "/graphql/",
    "graphql-transport-ws",
    None,
    '{"type":"ping","payload":{"echo":{}}}',
    True,
)
OLD = Kind(
    "/graphql/",
    "graphql-ws",
    '{"type":"connection_init","payload":{"Authorization":"Bearer {}"}}',
    '{"type":"start","id":"1","payload":{"query":"{ __typename }","variables":{"x":{}}}}',
    True,
)
KINDS = (JSON, TRANSPORT, OLD)


class FramesDoor(Door):
    """Each attempt is a socket; each message, control frame or wrong frame is an input, and so is a flood of frames."""

    name: ClassVar[str] = "frames"
    short_inputs: ClassVar[int] = 1000
    writes: ClassVar[bool] = False

    def attempt(self, random: Random) -> int:
        """Send frames on a new socket, in pieces, and end it in one of many ways."""
        kind = random.choice(KINDS)
        chunks = list(_chunks(random, kind))
        data = b"".join(chunks)
        if random.random() < 0.1:
            data = _flipped(random, data)
        reading = FrameReader().read(data)
        try:
            self._converse(random, kind, data, reading)
        except TimeoutError:
            raise mute((kind.subprotocol, data)) from None
        except Unsound as unsound:
            raise Unsound(f"{unsound}; {kind.subprotocol}, {reading}, {data!r}") from None
        return len(chunks)

    def _converse(self, random: Random, kind: Kind, data: bytes, reading: Reading) -> None:
        token = self.target.token
        sent, early = data, b""
        if kind.hello is None and random.random() < 0.1:
            cut = random.randrange(len(data) + 1)
            early, data = data[:cut], data[cut:]
        path = kind.path.replace("{}", token)
        with RawSocket(self.target.port, path, kind.subprotocol, early) as client:
            if kind.hello is not None:
                client.send([encoded(Frame(TEXT, kind.hello.replace("{}", token).encode()))])
                client.read_until(_has_acknowledgement)
                client.frames.clear()
            client.send(_pieces(random, data))
            if random.random() < 0.1:
                # Gone, whatever the server has still to say.
                return
            if reading.end is End.OPEN and not reading.in_message and random.random() < 0.8:
                self._ask(kind, client, reading)
            elif reading.end in (End.OPEN, End.PARTIAL):
                client.send_end()
                client.read_until(lambda _: False)
                _check(kind, client, reading, is_cut=True)
            else:
                if random.random() < 0.3:
                    late = [encoded(Frame(TEXT, b"late"))] * random.choice((1, 100))
                    reading.codes |= FrameReader().read(sent + b"".join(late)).codes
                    client.send(late)
                    client.read_until(_is_closed)
                    _check(kind, client, reading, is_cut=reading.end is End.CLOSED)
                    return
                client.read_until(_is_closed)
                _check(kind, client, reading, is_cut=False)

    def _ask(self, kind: Kind, client: RawSocket, reading: Reading) -> None:
        """Send a question and, after its answer, the close frame; everything before it has to be answered then."""
        question = _question(kind, PROBE).replace('"id":"1"', '"id":"probe"').encode()
        reading.messages.append((TEXT, question))
        client.send([encoded(Frame(TEXT, question))])
        expected = [answer for message in reading.messages for answer in _answers(kind, *message)]
        client.read_until(
            lambda frames: _is_closed(frames) or _is_answered(kind, _texts(frames), expected)
        )
        reading.end = End.CLOSED
        reading.codes.add(1000)
        if not _is_closed(client.frames):
            client.send([encoded(Frame(CLOSE, close_payload(1000)))])
            client.read_until(_is_closed)
        _check(kind, client, reading, is_cut=False, is_complete=True)


# -- what is sent -----------------------------------------------------------------------------------------


def _chunks(random: Random, kind: Kind) -> Iterator[bytes]:
    """Return inputs: messages and control frames, mostly right ones, and in half of the attempts some that are not."""
    badness = random.choice((0.0, 0.0, 0.05, 0.3))
    for _ in range(random.choice((1, 3, 8, 20))):
        if random.random() < badness:
            yield b"".join(_wrong(random))
        else:
            yield b"".join(_right(random, kind))
    if random.random() < 0.02:
        flood = random.choice((Frame(PING), Frame(PONG, b"x"), Frame(CONTINUATION, fin=False)))
        yield encoded(flood) * random.choice((200, 3000))
    if random.random() < 0.1:
        # A message that does not end: what comes of it has to come without its end.
        half = random.choice((b"half", *BAD_TEXTS))
        yield encoded(Frame(TEXT, half, fin=False), mask=_mask(random))
    if random.random() < 0.15:
        yield encoded(Frame(CLOSE, _close(random)), mask=_mask(random))


def _right(random: Random, kind: Kind) -> Iterator[bytes]:
    draw = random.random()
    if draw < 0.15:
        yield _encoded(random, Frame(PING, random.randbytes(random.choice((0, 1, 4, 125)))))
    elif draw < 0.2:
        yield _encoded(random, Frame(PONG, random.randbytes(random.choice((0, 4, 125)))))
    else:
        opcode, payload = TEXT, _question(kind, random.choice(GOOD_TEXTS)).encode()
        if draw < 0.23:
            opcode, payload = BINARY, random.randbytes(random.choice((0, 1, 200)))
        elif draw < 0.26:
            payload = random.choice(
                (b"", b"{", b"[]", "é".encode(), b" " * 66_000, b'{"type":"x"}')
            )
        yield from _message(random, opcode, payload)


def _message(random: Random, opcode: int, payload: bytes) -> Iterator[bytes]:
    """Return a message in one frame or in several, perhaps with control frames between them."""
    count = random.choice((1, 1, 1, 2, 3, 10, 127, 128, 129)) if random.random() < 0.5 else 1
    cuts = sorted(random.randrange(len(payload) + 1) for _ in range(count - 1))
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(payload)], strict=True)):
        frame = Frame(
            CONTINUATION if number else opcode, payload[start:end], fin=number == count - 1
        )
        yield _encoded(random, frame)
        if count < 20 and random.random() < 0.1:
            yield _encoded(random, Frame(PING, b"between"))


def _wrong(random: Random) -> Iterator[bytes]:
    mask = _mask(random)
    match random.randrange(12):
        case 0:
            frame = Frame(random.choice((3, 4, 7, 11, 15)), random.randbytes(random.choice((0, 5))))
            yield encoded(frame, mask=mask)
        case 1:
            frame = Frame(
                random.choice((TEXT, BINARY, PING, CLOSE)), b"x", reserved=random.randrange(1, 8)
            )
            yield encoded(frame, mask=mask)
        case 2:
            yield encoded(Frame(random.choice((TEXT, PING)), b"x"), mask=None)
        case 3:
            yield encoded(Frame(random.choice((PING, PONG, CLOSE)), b"", fin=False), mask=mask)
        case 4:
            size = random.choice((126, 127, 200, 65_536))
            yield encoded(Frame(random.choice((PING, PONG, CLOSE)), b"x" * size), mask=mask)
        case 5:
            yield encoded(Frame(CONTINUATION, b"x", fin=random.random() < 0.5), mask=mask)
        case 6:
            yield encoded(Frame(TEXT, random.choice(BAD_TEXTS)), mask=mask)
        case 7:
            bad = random.choice(BAD_TEXTS)
            yield encoded(Frame(TEXT, bad[:1], fin=False), mask=mask)
            yield encoded(Frame(CONTINUATION, bad[1:], fin=random.random() < 0.5), mask=mask)
        case 8:
            yield encoded(Frame(TEXT, b"", fin=False), mask=mask)
        case 9:
            yield _long(random)
        case 10:
            yield encoded(Frame(CLOSE, _close(random)), mask=mask)
        case _:
            yield random.randbytes(random.choice((1, 2, 14, 200)))


def _long(random: Random) -> bytes:
    """Return a frame that announces more than it has, or its length in too many bytes."""
    length = random.choice(
        (0, 1, 125, 126, 65_535, 65_536, 262_144, 262_145, 2**31, 2**63 - 1, 2**63, 2**64 - 1)
    )
    first = 0x80 | random.choice((TEXT, BINARY, PING))
    has = min(length, random.choice((0, 10, 300_000)))
    if length < 65_536 and random.random() < 0.5:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + bytes(4) + b" " * has


def _close(random: Random) -> bytes:
    reason = random.choice((b"", b"bye", b"x" * 123, b"\xff", "é".encode()[:1]))
    if random.random() < 0.1:
        return random.choice((b"", b"\x03"))
    return close_payload(random.choice(CODES), reason)


def _encoded(random: Random, frame: Frame) -> bytes:
    return encoded(frame, mask=_mask(random))


def _mask(random: Random) -> bytes:
    return random.choice((bytes(4), b"\xff" * 4, random.randbytes(4)))


def _flipped(random: Random, data: bytes) -> bytes:
    """Return the data with some bits changed."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 10))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _pieces(random: Random, data: bytes) -> Iterator[bytes]:
    """Return the data as it is written: at once, in some pieces, or byte by byte."""
    draw = random.random()
    if draw < 0.4 or not data:
        yield data
        return
    if draw < 0.5 and len(data) < 500:
        yield from (data[at : at + 1] for at in range(len(data)))
        return
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((1, 2, 8))))
    yield from (data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))


def _question(kind: Kind, text: str) -> str:
    return kind.question.replace("{}", json.dumps(text, ensure_ascii=text < " "))


# -- what has to come of it -------------------------------------------------------------------------------


def _answers(kind: Kind, opcode: int, payload: bytes) -> list[Any]:
    """Return the answers to a message: values of JSON, or None for an error or the close of the socket."""
    if opcode == BINARY or len(payload) > MAX_MESSAGE_BYTES:
        return [None]
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        return [None]
    if not isinstance(message, dict):
        return [None]
    match kind.subprotocol, message.get("type"):
        case None, "ping":
            return [{"type": "pong"}]
        case "graphql-transport-ws", "ping":
            echo = message.get("payload")
            return [
                {"type": "pong", "payload": echo} if isinstance(echo, dict) else {"type": "pong"}
            ]
        case "graphql-transport-ws", "pong":
            return []
        case "graphql-ws", "start":
            request = message.get("payload")
            is_known = isinstance(request, dict) and request.get("query") == "{ __typename }"
            return [] if is_known and message.get("id") in ("1", "probe") else [None]
    return [None]


def _texts(frames: list[Frame]) -> list[Any]:
    texts = [json.loads(frame.payload) for frame in frames if frame.opcode == TEXT]
    return [text for text in texts if text.get("type") != "ka"]


def _has_acknowledgement(frames: list[Frame]) -> bool:
    return any(text["type"] == "connection_ack" for text in _texts(frames))


def _is_closed(frames: list[Frame]) -> bool:
    return any(frame.opcode == CLOSE for frame in frames)


def _check(
    kind: Kind, client: RawSocket, reading: Reading, *, is_cut: bool, is_complete: bool = False
) -> None:
    """See that pings, messages and the end were answered as they had to be."""
    pongs = [frame.payload for frame in client.frames if frame.opcode == PONG]
    expected = [answer for message in reading.messages for answer in _answers(kind, *message)]
    codes = set(reading.codes)
    if None in expected and kind.is_strict:
        codes |= {1009, 4400}
    if expected.count(None) >= MAX_FAULTS:
        codes.add(4400)
    is_closed_by_api = bool(codes - reading.codes)
    wanted = [*reading.pings, *reading.later_pings]
    if pongs != wanted[: len(pongs)]:
        raise Unsound(f"{pongs} instead of {wanted}")
    if is_complete and not is_closed_by_api and len(pongs) < len(reading.pings):
        raise Unsound(f"{len(pongs)} pongs instead of {len(reading.pings)}")
    _check_texts(
        kind, _texts(client.frames), expected, is_complete=is_complete and not is_closed_by_api
    )
    closes = [frame.payload for frame in client.frames if frame.opcode == CLOSE]
    if len(closes) > 1 or (not closes and not is_cut):
        raise Unsound(f"closed {len(closes)} times: {client.frames[-3:]}")
    for payload in closes:
        code = int.from_bytes(payload[:2]) if payload else None
        if code not in codes:
            raise Unsound(f"closed with {code} {payload[2:]!r} instead of {codes}")


def _is_answered(kind: Kind, texts: list[Any], expected: list[Any]) -> bool:
    """Whether there are all answers. An operation of the older subprotocol ends the one before with its id."""
    if kind is OLD:
        return {"type": "complete", "id": "probe"} in texts
    return len(texts) >= len(expected)


def _check_texts(kind: Kind, texts: list[Any], expected: list[Any], *, is_complete: bool) -> None:
    if is_complete and not _is_answered(kind, texts, expected):
        raise Unsound(f"{texts[-3:]} instead of the last answer")
    if kind is OLD:
        return
    if is_complete and len(texts) != len(expected):
        raise Unsound(f"{len(texts)} answers instead of {len(expected)}")
    for text, answer in zip(texts, expected, strict=False):
        if answer is None and text["type"] != "error":
            raise Unsound(f"{text} instead of an error")
        if answer is not None and text != answer:
            raise Unsound(f"{text} instead of {answer}")
