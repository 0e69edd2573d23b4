"""One case on one socket: what is sent, what comes back, and the first difference."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tests.conformance.apis import MAX_MESSAGE_BYTES, Api
from tests.conformance.cases import CLEAN, Case, Echo, Step
from tests.conformance.frames import (
    CLOSE,
    CONTINUATION,
    MASK,
    PONG,
    TEXT,
    Frame,
    close_payload,
    encoded,
    first_frame,
)

WAIT_SECONDS = 60.0
"""How long a client waits for what must come. A case only fails by it."""

WRITE_BYTES = 65_536


class Difference(Exception):
    """Raised when the server does something else than what the case expects."""


class RawSocket:
    """A WebSocket without a library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._received = bytearray()

    async def handshake(self, path: str, headers: str = "") -> str:
        """Open the WebSocket; return the head of the answer."""
        key = base64.b64encode(bytes(16)).decode()
        self._writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
        )
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        if not answer.startswith("HTTP/1.1 101 "):
            raise Difference(answer)
        return answer

    async def write(self, data: bytes, chop: int = WRITE_BYTES) -> None:
        """Send bytes, so many at once. Does nothing once the server has closed the connection."""
        with suppress(ConnectionError):
            for at in range(0, len(data), chop):
                self._writer.write(data[at : at + chop])
                await self._writer.drain()

    async def frame(self) -> Frame | None:
        """Return the next frame of the server; None at the end of the stream."""
        while (found := first_frame(self._received)) is None:
            try:
                data = await self._reader.read(WRITE_BYTES)
            except ConnectionError:
                return None
            if not data:
                return None
            self._received += data
        frame, size = found
        del self._received[:size]
        return frame

    def close(self) -> None:
        """Close the connection, whatever the server has still to say."""
        self._writer.transport.abort()


async def difference(
    case: Case, api: Api, port: int, token: str, *, is_strict: bool = True
) -> str | None:
    """Run a case on a new socket; return what is not as expected.

    Without `is_strict`, what the suite takes as well: a connection that is cut in place of a close frame for something
    wrong, and text that is looked at when its message is complete.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    socket = RawSocket(reader, writer)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            offer = f"Sec-WebSocket-Protocol: {api.subprotocol}\r\n" if api.subprotocol else ""
            await socket.handshake(api.path(token), offer)
            await _Conversation(socket, case, api, is_strict=is_strict).run()
    except (Difference, TimeoutError) as error:
        return f"{case.number} ({api.name}): {str(error) or 'no answer'}"
    finally:
        socket.close()
    return None


class _Conversation:
    def __init__(self, socket: RawSocket, case: Case, api: Api, *, is_strict: bool) -> None:
        self._socket = socket
        self._case = case
        self._is_strict = is_strict
        self._envelope = api.envelope(case)
        self._expected: list[tuple[Any, bool]] = []
        self._closes = {case.close}
        self._client_closes = case.closes_itself
        self._answered = asyncio.Semaphore(0)
        for answer in case.answers:
            if not isinstance(answer, Echo):
                self._expected.append((answer.payload, True))
                continue
            reply = api.reply(answer, case)
            if isinstance(reply, int):
                if not answer.is_certain:
                    self._closes.add(reply)
                    break
                self._closes, self._client_closes = {reply}, False
                break
            self._expected.append((reply, answer.is_certain))

    async def run(self) -> None:
        sending = asyncio.create_task(self._send())
        try:
            while self._expected:
                if not await self._answer():
                    return
                self._answered.release()
            if CLEAN in self._closes and not self._client_closes:
                await sending
                await self._socket.write(encoded(Frame(CLOSE, close_payload(CLEAN))))
            await self._end()
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    async def _answer(self) -> bool:
        """Take the next expected answer; return False for the end of the socket in place of an uncertain one."""
        expected, is_certain = self._expected[0]
        frame = await self._socket.frame()
        if not is_certain and (frame is None or frame.opcode == CLOSE):
            self._check_end(frame)
            return False
        if frame is None:
            raise Difference(f"the end of the connection instead of {expected}")
        got = (
            frame.payload
            if frame.opcode == PONG
            else json.loads(frame.payload)
            if frame.opcode == TEXT
            else frame
        )
        if got != expected:
            raise Difference(f"{str(got)[:300]} instead of {str(expected)[:300]}")
        self._expected.pop(0)
        return True

    async def _end(self) -> None:
        """See that the socket ends as it should, and the connection with it."""
        frame = await self._socket.frame()
        self._check_end(frame)
        # The APIs themselves wait for the client's close frame.
        is_frame_level = CLEAN in self._closes or min(each or 0 for each in self._closes) < 1009
        if is_frame_level and frame and (rest := await self._socket.frame()):
            raise Difference(f"{rest} after the close frame")

    def _check_end(self, frame: Frame | None) -> None:
        if frame is None and not self._is_strict and CLEAN not in self._closes:
            return
        if frame is None or frame.opcode != CLOSE or frame.reserved or not frame.fin:
            raise Difference(f"{frame} instead of a close frame")
        code = int.from_bytes(frame.payload[:2]) if frame.payload else None
        if code not in self._closes:
            raise Difference(f"close code {code} instead of {self._closes}")

    async def _send(self) -> None:
        for data in self._writes():
            if data is Step.WAIT:
                await self._answered.acquire()
            else:
                assert isinstance(data, bytes)
                await self._socket.write(data, self._case.chop or WRITE_BYTES)

    def _writes(self) -> Iterator[bytes | Step]:
        """Return what is written at once."""
        together = b""
        for each in self._case.sent:
            if each is Step.FAIL_FAST:
                if self._is_strict:
                    return
                continue
            if isinstance(each, Step):
                if together:
                    yield together
                together = b""
                yield each
            else:
                together += encoded(self._in_envelope(each), mask=_mask(each))
                if self._case.chop is not None or len(together) > WRITE_BYTES:
                    yield together
                    together = b""
        if together:
            yield together

    def _in_envelope(self, frame: Frame) -> Frame:
        if not frame.is_data:
            return frame
        payload, size = frame.payload, self._case.size
        before = self._envelope.before if frame.opcode != CONTINUATION else b""
        after = self._envelope.after if frame.fin else b""
        if size is not None:
            payload = payload[: size - len(before) - len(after)]
        return Frame(frame.opcode, before + payload + after, frame.fin, frame.reserved)


def _mask(frame: Frame) -> bytes:
    """Return a mask; for what is too long in any case, one that costs nothing."""
    return MASK if len(frame.payload) <= MAX_MESSAGE_BYTES else bytes(4)
