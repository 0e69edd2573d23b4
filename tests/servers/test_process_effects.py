"""What the site does to the whole process: nothing, unless `manage.py serve` runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.stacks.stack import Stack

pytestmark = pytest.mark.stack("embedded")

LIFESPAN = """
import asyncio, gc
from live_inbox_site import asgi

async def main():
    events = asyncio.Queue()
    events.put_nowait({"type": "lifespan.startup"})

    async def send(message):
        events.put_nowait({"type": "lifespan.shutdown"})

    await APPLICATION({"type": "lifespan"}, events.get, send)

before = gc.get_threshold()
asyncio.run(main())
print(gc.get_freeze_count() > 0, gc.get_threshold() != before)
"""


@pytest.mark.parametrize(
    ("application", "is_tuned"),
    [("asgi.application", "False False"), ("asgi.served_application()", "True True")],
)
def test_only_serve_tunes_the_garbage_collector(
    stack: Stack, application: str, is_tuned: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIFESPAN.replace("APPLICATION", application)],
        env={**os.environ, **stack.environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == is_tuned
