"""SIGHUP, and SIGINT once, twice and three times: every open socket gets the close frame of a restart."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from live_inbox import services
from tests.end_to_end.serve_command import ServeStarter, child_of
from tests.end_to_end.test_draining import (
    PROTOCOLS,
    REASONS,
    WAIT_SECONDS,
    Device,
    DevicePool,
    Lock,
    device_pool,
    ended,
    refuses,
)
from tests.stacks.child import Child
from tests.stacks.ports import free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.waiting import until

SOCKETS = 60
LONG = "300"
"""In place of DRAIN_SECONDS, where a test shows that it is not waited for."""


def has_computed(child: Child, seconds: float) -> bool:
    """Whether a process has computed for so long, or has started in less."""
    is_there = "Serving on" in child.text() or "Started parent" in child.text()
    return is_there or psutil.Process(child.pid).cpu_times().user > seconds


STARTED: list[Callable[[Child], bool]] = [
    lambda child: has_computed(child, 0.3),
    lambda child: has_computed(child, 0.6),
    lambda child: "Serving on" in child.text() or "Started parent" in child.text(),
    lambda child: "Started server process" in child.text(),
]
"""Moments of a start: in the imports, and when the first processes are there."""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]


@pytest.fixture
def _long_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is in progress take as long as it wants."""
    monkeypatch.setenv("DRAIN_SECONDS", LONG)


async def open_devices(pool: DevicePool, count: int = SOCKETS) -> list[Device]:
    """Open devices of all protocols in turn."""
    return [await pool.open(PROTOCOLS[n % len(PROTOCOLS)]) for n in range(count)]


async def closings(devices: list[Device]) -> list[tuple[int, str]]:
    """Wait until all are closed, and return how."""
    return await asyncio.gather(*(device.closed() for device in devices))


@pytest.fixture
def unread(alice: int) -> int:
    """The id of a notification of alice. With it, there is a row to lock."""
    notification = services.send(recipient_id=alice, title="unread").notification
    assert notification is not None
    return notification.pk


class TestHangup:
    async def test_one_process_stops_in_good_order(
        self, start_serve: ServeStarter, token: str
    ) -> None:
        serve = await asyncio.to_thread(start_serve)
        async with device_pool(serve.port, token) as pool:
            devices = await open_devices(pool)
            serve.child.ask_to_stop(signal.SIGHUP)
            assert await closings(devices) == [REASONS[device.protocol] for device in devices]
        assert await ended(serve.child) in (0, -signal.SIGHUP)
        assert "Traceback" not in serve.child.text()

    async def test_one_that_was_told_to_ignore_it_goes_on(
        self, start_serve: ServeStarter, token: str
    ) -> None:
        serve = await asyncio.to_thread(start_serve, below=("nohup",))
        async with device_pool(serve.port, token) as pool:
            (device,) = await open_devices(pool, 1)
            serve.child.ask_to_stop(signal.SIGHUP)
            await device.ask("viewer", "{ viewer { id } }")
            assert (await device.receive())["id"] == "viewer"
            assert serve.child.running

    async def test_workers_are_replaced_in_good_order(
        self, start_serve: ServeStarter, token: str
    ) -> None:
        serve = await asyncio.to_thread(start_serve, "--workers", "2")
        await until(lambda: serve.child.text().count("startup complete") == 2)
        async with device_pool(serve.port, token) as pool:
            devices = await open_devices(pool, 12)
            serve.child.ask_to_stop(signal.SIGHUP)
            assert await closings(devices) == [REASONS[device.protocol] for device in devices]
            # Two new ones have started, and serve.
            await until(lambda: serve.child.text().count("startup complete") == 4)
            await open_devices(pool, 1)
        assert "Traceback" not in serve.child.text()


@pytest.mark.usefixtures("_long_drain")
class TestInterrupts:
    @pytest.mark.parametrize(
        ("options", "group"),
        [((), False), (("--workers", "2"), False), (("--workers", "2"), True)],
        ids=["one process", "workers, the parent alone", "workers, from a terminal"],
    )
    async def test_a_second_one_closes_all_sockets_now(
        self,
        start_serve: ServeStarter,
        token: str,
        alice: int,
        unread: int,
        options: tuple[str, ...],
        group: bool,
    ) -> None:
        serve = await asyncio.to_thread(start_serve, *options)
        async with device_pool(serve.port, token) as pool:
            devices = await open_devices(pool)
            # Every change of the inbox takes as long as the block.
            with Lock(alice).held():
                for device in devices:
                    await device.mark_read(unread)
                serve.interrupt(group=group)
                await until(lambda: refuses(serve.port))
                serve.interrupt(group=group)
                codes = [code for code, _ in await closings(devices)]
            assert codes == [1012] * SOCKETS
        assert await ended(serve.child) in (0, -signal.SIGINT)
        assert "Traceback" not in serve.child.text()

    async def test_two_at_once(self, start_serve: ServeStarter, token: str) -> None:
        serve = await asyncio.to_thread(start_serve)
        async with device_pool(serve.port, token) as pool:
            devices = await open_devices(pool)
            serve.interrupt()
            serve.interrupt()
            assert [code for code, _ in await closings(devices)] == [1012] * SOCKETS
        assert await ended(serve.child) in (0, -signal.SIGINT)

    async def test_sigterm_after_it_does_not_shorten_the_drain(
        self, start_serve: ServeStarter, token: str
    ) -> None:
        """Supervisors send it to the group and to the process, so the same one counts twice."""
        serve = await asyncio.to_thread(start_serve)
        async with device_pool(serve.port, token) as pool:
            devices = await open_devices(pool, 3)
            for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
                serve.child.ask_to_stop(signal_number)
            assert await closings(devices) == [REASONS[device.protocol] for device in devices]
        assert await ended(serve.child) in (0, -signal.SIGTERM, -signal.SIGINT)

    @pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "workers"])
    async def test_a_third_one_ends_at_once(
        self,
        start_serve: ServeStarter,
        token: str,
        options: tuple[str, ...],
    ) -> None:
        serve = await asyncio.to_thread(start_serve, *options)
        async with device_pool(serve.port, token) as pool:
            await open_devices(pool, 3)
            serve.interrupt()
            await until(lambda: refuses(serve.port))
            for _ in range(20):
                if serve.child.running:
                    serve.interrupt()
                    await asyncio.sleep(0.05)
            await ended(serve.child)
            assert "Traceback" not in serve.child.text()
            assert "Exception ignored" not in serve.child.text()

    @pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "workers"])
    def test_while_it_starts_it_ends_without_a_traceback(
        self,
        process_registry: ProcessRegistry,
        stack: Stack,
        tmp_path: Path,
        options: tuple[str, ...],
    ) -> None:
        """From a terminal, at ever later moments of the start."""
        arguments = ["manage.py", "serve", "--port", str(free_port()), *options]
        for moment in STARTED:
            # `env` starts Python anew, which is what takes long.
            with child_of(process_registry, stack, tmp_path, arguments, below=("env",)) as child:
                child.wait_until(lambda child=child, moment=moment: moment(child))  # type: ignore[misc]
                os.killpg(child.pid, signal.SIGINT)
                # Not 130, which would be the exception: Python loses it in a destructor.
                code = child.wait(seconds=WAIT_SECONDS)
                assert code == -signal.SIGINT or (
                    code == 0 and "Application startup complete" in child.text()
                )
                assert "Traceback" not in child.text()
                assert "Exception ignored" not in child.text()
