"""Sends events with `group_send`, as a view would: a script that reads lines of user and number."""

from __future__ import annotations

import asyncio
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.channels_app.settings")
django.setup()

from channels.layers import get_channel_layer  # noqa: E402

from benchmarks.content import event  # noqa: E402

READ_LIMIT = 1 << 20


async def main() -> None:
    """Send until the input ends, one event after the other."""
    layer = get_channel_layer()
    assert layer is not None
    lines = asyncio.StreamReader(limit=READ_LIMIT)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        stream, sequence = map(int, line.split())
        await layer.group_send(f"user.{stream}", {"type": "inbox.event", "event": event(sequence)})


if __name__ == "__main__":
    asyncio.run(main())
