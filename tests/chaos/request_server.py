"""A process that carries out requests from a Unix socket: a line of JSON for each, and one for each answer.

Started as `python -m MODULE PLAN SOCKET`. The plan is a file of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

LONGEST_LINE = 1 << 24

Handle = Callable[[dict[str, Any]], Awaitable[Any]]


async def serve_requests(address: Path, handle: Handle) -> None:
    """Serve until the connection that sends the requests ends."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(handle, line)).encode() + b"\n")
                await writer.drain()
        ended.set()

    async with await asyncio.start_unix_server(serve, path=address, limit=LONGEST_LINE):
        await ended.wait()


async def _answer(handle: Handle, line: bytes) -> dict[str, Any]:
    try:
        return {"answer": await handle(json.loads(line))}
    except Exception:
        # The other process waits for an answer.
        return {"error": traceback.format_exc()}


def run(main: Callable[[Any, Path], Coroutine[Any, Any, None]]) -> None:
    """Run `main` with the plan and the address of the socket, on uvloop where that is installed."""
    plan, address = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(plan, address))
    else:
        uvloop.run(main(plan, address))
