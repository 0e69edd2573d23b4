"""Joins the header of a response with its body, so that both are one write to the operating system.

uvicorn writes them apart: two system calls and mostly two packets for each response, a tenth of what a short one costs.

What it relies on: a `RequestResponseCycle` writes to its attribute `transport`, first the header. Tested with
uvicorn 0.54.
"""

from __future__ import annotations

import asyncio


class HeaderWithBody:
    """The transport of one response: holds the first write until the second, or until the next turn of the loop."""

    __slots__ = ("_held", "_is_first", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._is_first = True

    def write(self, data: bytes) -> None:
        """Write, or hold the header."""
        if self._is_first:
            self._is_first = False
            self._held = data
            self._loop.call_soon(self.flush)
        elif self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Write what is held, and close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the transport is being closed."""
        return self._transport.is_closing()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            held, self._held = self._held, b""
            if not self._transport.is_closing():
                self._transport.write(held)
