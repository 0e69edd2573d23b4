"""What clients do to a server on purpose, a server without descriptors, and workers that die in the middle."""

from __future__ import annotations

import os
import random
import resource
import socket
import struct
import threading
import time
import urllib.request
from base64 import b64encode
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import psutil

from tests.chaos.fault import DATABASE_ENDINGS, SERVER_ENDINGS, ActiveFault, fault, one_server
from tests.chaos.system import SystemUnderTest
from tests.stacks.ports import LOOPBACK
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import comes_true, wait_until

MEGABYTE = 1 << 20
MOST_GROWTH = 48 * MEGABYTE
"""What floods of frames may cost a server: the buffers of a few sockets, and what its allocator keeps."""
MOST_STALL = 3.0
"""How long `/healthz` may take meanwhile, on a busy machine."""
FLOODERS = 4
SPARE_DESCRIPTORS = 8
HELD_CONNECTIONS = 40

PING, TEXT_BEGINS, CONTINUES = 0x89, 0x01, 0x00


def _frame(opcode: int, payload: bytes) -> bytes:
    """Return a masked frame; the mask is zero."""
    return struct.pack("!BB4x", opcode, 0x80 | len(payload)) + payload


class _FrameFlood:
    """One socket that sends the same frames for ever, and reads nothing."""

    def __init__(self, server: ServerProcess, token: str, first: bytes, frames: bytes) -> None:
        self._socket = socket.create_connection((LOOPBACK, server.port), timeout=10)
        self._token = token
        self._first = first
        self._frames = frames
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def connect(self) -> Self:
        """Open the socket."""
        request = (
            f"GET /ws/notifications/?token={self._token} HTTP/1.1\r\nHost: {LOOPBACK}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        self._socket.recv(4096)
        self._socket.settimeout(0.5)
        return self

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def _run(self) -> None:
        pending = self._first
        while not self._stopping:
            pending = pending or self._frames
            try:
                count = self._socket.send(pending)
            except TimeoutError:
                continue  # the server does not read any more: that is right
            except OSError:
                return  # it has closed the socket: that is right, too
            self.sent += count
            pending = pending[count:]

    def stop(self) -> None:
        """End."""
        self._stopping = True
        self._thread.join(5)
        self._socket.close()


def _flood(
    system: SystemUnderTest, rng: random.Random, name: str, first: bytes, frames: bytes
) -> ActiveFault:
    server = one_server(system, rng)
    process = psutil.Process(server.child.pid)
    before = process.memory_info().rss
    token = system.users[rng.randrange(len(system.users))][1]
    floods = [_FrameFlood(server, token, first, frames).connect() for _ in range(FLOODERS)]
    for flood in floods:
        flood.start()
    watch = _Watch(server, process).start()
    yield
    for flood in floods:
        flood.stop()
    watch.stop()
    growth = watch.most_memory - before
    system.effect(name, "bytes sent", sum(flood.sent for flood in floods))
    system.effect(name, "answers of /healthz", watch.answers)
    system.notes.append(
        f"{name}: the server took {growth / MEGABYTE:.0f} MB more, /healthz at most {watch.longest:.2f} s"
    )
    system.expect(growth <= MOST_GROWTH, f"{name}: the server took {growth / MEGABYTE:.0f} MB more")
    system.expect(watch.longest <= MOST_STALL, f"{name}: /healthz took {watch.longest:.1f} s")


class _Watch:
    """Looks at a server's memory, and at how long `/healthz` takes."""

    def __init__(self, server: ServerProcess, process: psutil.Process) -> None:
        self._server = server
        self._process = process
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.longest = 0.0
        self.most_memory = 0
        self.answers = 0

    def start(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stopping.wait(0.1):
            began = time.monotonic()
            with suppress(OSError):
                urllib.request.urlopen(f"{self._server.http}/healthz", timeout=30).close()
                self.answers += 1
            self.longest = max(self.longest, time.monotonic() - began)
            self.most_memory = max(self.most_memory, self._process.memory_info().rss)

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join(35)


@fault("ping-flood", target="clients", least_seconds=8.0, holds=True)
def _ping_flood(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Sockets send pings and do not read the pongs."""
    yield from _flood(system, rng, "ping-flood", b"", _frame(PING, b"x" * 125) * 500)


@fault("frame-flood", target="clients", least_seconds=8.0, holds=True)
def _frame_flood(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """Sockets send one message of endless empty frames."""
    begins, frames = _frame(TEXT_BEGINS, b"{"), _frame(CONTINUES, b"") * 5000
    yield from _flood(system, rng, "frame-flood", begins, frames)


@fault(
    "descriptors",
    target="server",
    least_seconds=4.0,
    endings=SERVER_ENDINGS | DATABASE_ENDINGS,
    holds=True,
)
def _descriptors(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A server may open hardly any file or socket more, and many clients come."""
    server = one_server(system, rng)
    pid, limit = server.child.pid, resource.RLIMIT_NOFILE
    soft, hard = resource.prlimit(pid, limit)
    most = _descriptors_of(pid) + SPARE_DESCRIPTORS
    resource.prlimit(pid, limit, (most, hard))
    with ExitStack() as held:
        for _ in range(HELD_CONNECTIONS):
            held.enter_context(socket.create_connection((LOOPBACK, server.port), timeout=10))
        clients = range(0, len(system.specs), 2)
        system.client_pool.request("drop", clients=list(clients), away=0.1)
        is_full = comes_true(lambda: _descriptors_of(pid) >= most - 1, seconds=10)
        system.effect("descriptors", "descriptors used up", is_full)
        yield
    resource.prlimit(pid, limit, (soft, hard))
    system.expect(server.child.running, "descriptors: the server has ended")


def _descriptors_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@fault("bulk-kill", target="postgres", is_instant=True, needs="relay")
def _bulk_kill(system: SystemUnderTest, rng: random.Random) -> ActiveFault:
    """A bulk send with a key is killed on its way, twice, and run again until it is done."""
    title = f"bulk {rng.randrange(1_000_000)}"
    for _ in range(2):
        before = _sent(system, title)
        child = system.write("bulk", "bulk", per_second=1, title=title)
        target = before + rng.randrange(1, max(2, (len(system.users) - before) // 2))
        child.wait_until(lambda target=target: _sent(system, title) >= target)  # type: ignore[misc]
        system.kill_writers("bulk")
    reached = _sent(system, title)
    system.effect("bulk-kill", "recipients before the last run", reached)
    system.effect("bulk-kill", "recipients left for it", len(system.users) - reached)
    child = system.write("bulk", "bulk", per_second=1, title=title)
    wait_until(lambda: not child.running)
    system.expect(child.exit_code == 0, f"bulk-kill: the last run failed\n{child.tail()}")
    system.kill_writers("bulk")
    yield


def _sent(system: SystemUnderTest, title: str) -> int:
    """Return how many recipients were ever sent it: some may have deleted it."""
    query = (
        "SELECT COUNT(DISTINCT inbox_id) FROM live_inbox_inboxevent WHERE kind = 'added'"
        f" AND payload->'notification'->>'title' = '{title}'"
    )
    ((count,),) = system.database.rows(query)
    return int(count)
