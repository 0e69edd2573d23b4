"""A client of event streams over a plain TCP connection: what a server sends, byte for byte."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.graphql.graphql_server import WAIT_SECONDS


@dataclass(frozen=True)
class StreamEvent:
    """A server-sent event."""

    event: str
    data: str
    id: str

    @property
    def json(self) -> Any:
        """The data, which is JSON."""
        return json.loads(self.data)


class StreamEnded(Exception):
    """Raised when the stream has ended. `is_whole`: as HTTP wants it, and not because the connection was cut."""

    def __init__(self, is_whole: bool) -> None:
        super().__init__("whole" if is_whole else "cut")
        self.is_whole = is_whole


@dataclass
class StreamClient:
    """One response, which may be a stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    last_event_id: str = ""
    comments: int = 0
    retry: int | None = None
    _lines: list[str] = field(default_factory=list)
    _rest: bytes = b""

    async def read_head(self) -> None:
        """Read the status and the headers."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split()[1])
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    async def body(self) -> Any:
        """Return the JSON of a response that is no stream."""
        async with asyncio.timeout(WAIT_SECONDS):
            text = await self.reader.readexactly(int(self.headers["content-length"]))
        return json.loads(text)

    async def next(self) -> StreamEvent:
        """Return the next event, as a browser dispatches it. Raises StreamEnded."""
        event = data = ""
        while True:
            line = await self._line()
            if not line:
                if data:
                    return StreamEvent(event, data[:-1], self.last_event_id)
                event = ""
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "":
                    self.comments += 1
                case "event":
                    event = value
                case "data":
                    data += value + "\n"
                case "id":
                    self.last_event_id = value
                case "retry":
                    self.retry = int(value)

    async def result(self) -> Any:
        """Return the result of the next event."""
        event = await self.next()
        assert event.event == "next", event
        return event.json

    async def data(self) -> Any:
        """Return the value of the only field of the next result."""
        result = await self.result()
        assert "errors" not in result, result
        (value,) = result["data"].values()
        return value

    async def ended(self) -> StreamEnded:
        """Read on until the stream has ended; return how. No event may come before."""
        try:
            event = await self.next()
        except StreamEnded as ended:
            return ended
        raise AssertionError(event)

    async def begun(self) -> None:
        """Wait until the subscription has found its place."""
        while not self.last_event_id:
            self._take(await self._chunk())
            for line in self._lines:
                if line.startswith("id: "):
                    self.last_event_id = line[4:]

    async def _line(self) -> str:
        while not self._lines:
            self._take(await self._chunk())
        return self._lines.pop(0)

    def _take(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._lines += [line.decode() for line in lines]

    async def _chunk(self) -> bytes:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                size = int(await self.reader.readuntil(b"\r\n"), 16)
                chunk = await self.reader.readexactly(size + 2)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise StreamEnded(is_whole=False) from None
        if not size:
            raise StreamEnded(is_whole=True)
        return chunk[:-2]


@asynccontextmanager
async def opened_stream(
    port: int,
    query: str,
    variables: Mapping[str, Any] | None = None,
    *,
    method: str = "POST",
    path: str = "/graphql/",
    parameters: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    buffer_bytes: int | None = None,
    **more_headers: str,
) -> AsyncIterator[StreamClient]:
    """Ask for a stream, and read the head of the response. In the names of headers, `_` stands for `-`.

    `buffer_bytes`: how much the system receives for a client that does not read. By default, it may be megabytes.
    """
    own = socket.socket()
    if buffer_bytes is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    own.connect(("127.0.0.1", port))
    own.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=own)
    content = b""
    if method == "POST":
        content = body or json.dumps({"query": query, "variables": variables}).encode()
    else:
        asked = {"query": query, **(parameters or {})}
        if variables is not None:
            asked["variables"] = json.dumps(variables)
        path += "?" + urlencode(asked)
    fields = {"Host": "testserver", "Accept": "text/event-stream"}
    if content:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    given = {**(headers or {}), **more_headers}
    fields |= {name.replace("_", "-"): value for name, value in given.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
    client = StreamClient(reader, writer)
    try:
        await client.read_head()
        yield client
    finally:
        writer.close()
