"""The metrics of several workers, and of a process that only sends, in one scrape."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.serve_command import RunningServe, ServeStarter
from tests.end_to_end.test_draining import Device, DevicePool, device_pool
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]

OPEN = 'inbox_sockets{api="json",subprotocol=""}'
MOST = 200


def scrape(port: int) -> dict[str, float]:
    """Return the value of each series, from whichever worker takes the connection."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {
        row[1]: float(row[2]) for row in re.finditer(r"^(inbox_\S+?(?:\{.*\})?) (\S+)$", text, re.M)
    }


def sockets_of_workers(serve: RunningServe) -> dict[int, int]:
    """Return how many connections each worker has."""
    workers = psutil.Process(serve.child.pid).children(recursive=True)
    counts = {}
    for worker in workers:
        connections = worker.net_connections("tcp")
        established = [each for each in connections if each.status == psutil.CONN_ESTABLISHED]
        if established:
            counts[worker.pid] = len(established)
    return counts


async def open_at_both(serve: RunningServe, pool: DevicePool) -> list[Device]:
    """Open devices until each worker has some."""
    devices: list[Device] = []
    while len(devices) < MOST:
        devices.append(await pool.open("original"))
        if len(sockets_of_workers(serve)) == 2:
            return devices
    raise AssertionError("One worker took all connections.")


async def test_a_scrape_shows_all_workers_whichever_is_asked(
    start_serve: ServeStarter, token: str
) -> None:
    serve = await asyncio.to_thread(start_serve, "--workers", "2")
    async with device_pool(serve.port, token) as pool:
        devices = await open_at_both(serve, pool)
        for _ in range(10):
            assert (await asyncio.to_thread(scrape, serve.port))[OPEN] == len(devices)
        admitted = 'inbox_admissions_total{api="json",reason="",result="admitted"}'
        assert (await asyncio.to_thread(scrape, serve.port))[admitted] == len(devices)
        # Of a worker that dies, what is open is gone, and what it has counted stays.
        counts = sockets_of_workers(serve)
        victim = min(counts)
        os.kill(victim, signal.SIGKILL)
        left = len(devices) - counts[victim]
        await until(lambda: scrape(serve.port)[OPEN] == left)
        assert (await asyncio.to_thread(scrape, serve.port))[admitted] == len(devices)


async def test_a_process_that_only_sends_is_in_the_same_scrape(
    start_serve: ServeStarter,
    alice: int,
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    serve = await asyncio.to_thread(start_serve, "--workers", "2")
    environment = {
        **os.environ,
        **stack.environment(),
        "DATABASE_URL": stack.test_database_url(),
    }
    command = [sys.executable, "manage.py", "test_notifications", "--user-id", str(alice)]
    await asyncio.to_thread(
        subprocess.run, [*command, "--title", "T"], cwd=REPOSITORY, env=environment, check=True
    )
    found = await asyncio.to_thread(scrape, serve.port)
    sent = {name: value for name, value in found.items() if name.startswith("inbox_sends_total{")}
    assert sum(sent.values()) == 1
    assert found['inbox_events_committed_total{kind="added"}'] == 1
