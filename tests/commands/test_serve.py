"""manage.py serve: the flags, the refusals, and a real run of the demo."""

from __future__ import annotations

import errno
import json
import re
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from websockets.sync.client import connect

from live_inbox_site import listening, serving
from live_inbox_site.environment import SITE_DIRECTORY, SiteSettings
from live_inbox_site.management.commands.serve import number_of_workers
from live_inbox_site.processors import usable_processors
from tests.commands.conftest import Run
from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as busy:
        yield busy.getsockname()[1]


def test_a_port_that_is_free() -> None:
    with listening.bind(LOOPBACK, 0) as opened:
        port = opened.getsockname()[1]
        assert port > 0
        with socket.create_connection((LOOPBACK, port)):
            pass  # who comes early waits, and is not refused
        with pytest.raises(CommandError, match=f"Port {port} is in use"):
            listening.bind(LOOPBACK, port)


def test_servers_that_agree_share_a_port() -> None:
    with listening.bind(LOOPBACK, 0, is_shared=True) as first:
        port = first.getsockname()[1]
        with listening.bind(LOOPBACK, port, is_shared=True) as second:
            accepted = [0, 0]
            for _ in range(64):
                with socket.create_connection((LOOPBACK, port)):
                    ready, _, _ = select.select([first, second], [], [])
                    ready[0].accept()[0].close()
                    accepted[ready[0] is second] += 1
        assert all(accepted), "the system gives each a part"
        with pytest.raises(CommandError, match=f"Port {port} is in use"):
            listening.bind(LOOPBACK, port)


def test_a_port_is_what_can_be_shared(run: Run) -> None:
    result = run("serve", "--unix", "/nowhere/s", "--reuse-port")
    assert (result.code, result.err) == (1, "CommandError: --reuse-port needs a port.\n")


def test_a_busy_port_is_one_line(run: Run, busy_port: int) -> None:
    result = run("serve", "--port", busy_port)

    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"CommandError: Port {busy_port} is in use: choose another one (--port, or make run PORT=...), "
        "or stop what listens there.\n"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.EACCES, "no"),
            "Port 80 may not be opened by this user: choose one above 1023.",
        ),
        (
            OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address"),
            "The server cannot listen on 10.0.0.1, port 80: Cannot assign requested address.",
        ),
        (
            socket.gaierror(-2, "Name or service not known"),
            "The server cannot listen on 10.0.0.1, port 80: Name or service not known.",
        ),
    ],
)
def test_other_reasons_are_one_line(
    monkeypatch: pytest.MonkeyPatch, error: OSError, line: str
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(CommandError) as refused:
        listening.bind("10.0.0.1", 80)
    assert str(refused.value) == line


@pytest.mark.parametrize(
    ("option", "value"), [("--port", "70000"), ("--port", "http"), ("--workers", "0")]
)
def test_arguments_that_make_no_sense(run: Run, option: str, value: str) -> None:
    result = run("serve", option, value)

    assert (result.code, result.out) == (2, "")
    assert f"argument {option}: must be a whole number " in result.err.splitlines()[-1]


def test_a_demo_is_for_development_only(run: Run) -> None:
    result = run("serve", "--demo", "--port", 0)

    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "CommandError: --demo makes users whose password everybody knows: it needs "
        "ENVIRONMENT=development.\n"
    )


def test_reloading_is_for_development_only(run: Run) -> None:
    result = run("serve", "--reload", "--port", 0)

    assert (result.code, result.out) == (1, "")
    assert result.err == "CommandError: --reload is for ENVIRONMENT=development.\n"


@pytest.mark.parametrize(
    "options",
    [("--port", 0, "--unix", "s"), ("--fd", 3, "--unix", "s"), ("--workers", 2, "--reload")],
)
def test_options_that_exclude_each_other(run: Run, options: tuple[object, ...]) -> None:
    result = run("serve", *options)

    assert (result.code, result.out) == (2, "")
    assert "not allowed with argument" in result.err.splitlines()[-1]


def test_as_many_workers_as_processors() -> None:
    assert number_of_workers("auto") == usable_processors()
    assert number_of_workers("3") == 3
    with pytest.raises(ArgumentTypeError, match="or auto, not 'many'"):
        number_of_workers("many")


def test_uvicorn_runs_as_this_product_needs_it() -> None:
    config = serving.server_config(
        SiteSettings(environment="test", max_message_bytes=2048), workers=3
    )

    assert config.app == "live_inbox_site.asgi:served_application"
    assert config.factory is True
    assert config.ws == "live_inbox.sockets.server_protocol:socket_protocol"
    assert config.http == "live_inbox.sockets.server_protocol:http_protocol"
    assert config.ws_max_size == 4 * 2048
    assert (config.ws_ping_interval, config.ws_ping_timeout) == (20, 20)
    assert config.ws_per_message_deflate is False
    assert config.timeout_graceful_shutdown == 10
    assert config.log_config is None  # tokens are struck out by Django's
    assert config.access_log is False
    assert config.server_header is False
    assert config.lifespan == "on"
    assert config.proxy_headers is False
    assert config.workers == 3


def test_whoever_gets_longer_to_finish_is_not_cut_off_before() -> None:
    config = serving.server_config(SiteSettings(environment="test", drain_seconds=59.5))

    assert config.timeout_graceful_shutdown == 68


def test_proxies_are_trusted_by_the_site_and_not_by_uvicorn() -> None:
    settings = SiteSettings(environment="test", behind_proxy=True)
    assert serving.server_config(settings).proxy_headers is False
    assert settings.proxies.client("127.0.0.1", ["192.0.2.1"]) == "192.0.2.1"
    assert (
        SiteSettings(environment="test").proxies.client("127.0.0.1", ["192.0.2.1"]) == "127.0.0.1"
    )


class DemoRun:
    """`manage.py serve --demo` in a process of its own, on a database of its own."""

    def __init__(self, process_registry: ProcessRegistry, stack: Stack, database_url: str) -> None:
        self.port = free_port()
        self._process_registry = process_registry
        self._log = process_registry.new_directory("demo") / "log"
        own = {"ENVIRONMENT": "development", "DATABASE_URL": database_url}
        self._environment = {**stack.environment(), **own, "PATH": "/usr/bin:/bin"}

    def start(self, *more: str) -> Child:
        return Child(
            self._process_registry,
            [sys.executable, "manage.py", "serve", "--demo", "--port", str(self.port), *more],
            log=self._log,
            environment=self._environment,
            directory=SITE_DIRECTORY,
        )

    def unread_of_alice(self, child: Child) -> int:
        """Ask at the original door, with the token that was printed."""
        (token,) = re.findall(r"Token of alice: (\S+)", child.text())
        with connect(f"ws://{LOOPBACK}:{self.port}/ws/notifications/?token={token}") as door:
            door.send('{"type": "get_notifications"}')
            answer = json.loads(door.recv(timeout=30))
        assert answer["type"] == "notifications_list"
        return int(answer["unread_count"])

    def paste(self, child: Child) -> str:
        """Run the line that was printed, and return what it says."""
        (line,) = re.findall(r"\S+ (manage.py test_notifications .+)", child.text())
        pasted = subprocess.run(
            ["/bin/sh", "-c", f"{sys.executable} {line}"],
            env=self._environment,
            cwd=SITE_DIRECTORY,
            capture_output=True,
            check=True,
            text=True,
        )
        return pasted.stdout


def ready(child: Child) -> bool:
    return "Ctrl-C stops the server." in child.text()


def test_the_demo_runs_and_runs_again(
    process_registry: ProcessRegistry, stack: Stack, tmp_path: Path
) -> None:
    demo = DemoRun(process_registry, stack, f"sqlite:///{tmp_path}/demo.sqlite3")

    first = demo.start()
    first.wait_until(lambda: ready(first))
    assert demo.unread_of_alice(first) == 2
    assert demo.paste(first).startswith("Sent notification ")
    assert first.stop() == -signal.SIGTERM
    printed = first.text()

    second = demo.start()
    second.wait_until(lambda: ready(second))
    assert demo.unread_of_alice(second) == 3
    second.stop()

    printed += second.text()
    for log in re.split("Ready.*?Ctrl-C stops the server.", printed, flags=re.DOTALL):
        assert "eyJ" not in log  # a token


def test_several_processes_share_the_port(
    process_registry: ProcessRegistry, stack: Stack, tmp_path: Path
) -> None:
    demo = DemoRun(process_registry, stack, f"sqlite:///{tmp_path}/demo.sqlite3")

    server = demo.start("--workers", "2")
    server.wait_until(lambda: server.text().count("Application startup complete.") == 2)
    with urllib.request.urlopen(f"http://{LOOPBACK}:{demo.port}/healthz") as answer:
        assert answer.status == 200
        assert "server" not in answer.headers

    assert server.stop() == 0
