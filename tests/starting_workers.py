"""Two workers that never come to serve, and the parent that waits for them: `python -m tests.starting_workers`."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn

import uvicorn

from live_inbox_site.worker_processes import Workers

STARTING = "is starting"


def never() -> NoReturn:
    """Make the application, which takes for ever."""
    print(STARTING, flush=True)
    threading.Event().wait()
    raise AssertionError


def main() -> None:
    """Run until signals have ended it, and print what is known then."""
    config = uvicorn.Config("tests.starting_workers:never", factory=True, workers=2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        workers = Workers(config, sockets=[listening])
        workers.run()
    print(f"interrupted at start: {workers.was_interrupted_at_start}", flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
