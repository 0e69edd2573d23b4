"""The health endpoints and metrics."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection
from django.test import Client, override_settings
from django.urls import include, path
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

import live_inbox
from live_inbox import database_check, readiness
from live_inbox.clock import clock
from live_inbox.database_check import DatabaseCheck
from live_inbox.lanes import Lane
from live_inbox.readiness import Readiness, reporting
from live_inbox_site.environment import site_settings
from tests.changed_settings import changed_settings
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget answers, which are given again for a second, and restore the clock of this process afterwards."""
    monkeypatch.setattr(clock, "_last", None)
    # Other tests share one server in this process.
    monkeypatch.setattr(readiness, "_running", [])
    database_check._check_of.cache_clear()
    yield
    database_check._check_of.cache_clear()


def ready(client: Client) -> tuple[int, Any]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


@pytest.mark.django_db(transaction=True)
class TestInAProcessWithoutSockets:
    def test_the_database_is_all_that_counts(self, client: Client) -> None:
        status, answer = ready(client)
        assert (status, answer["status"], answer["database"]) == (200, "ready", "ok")
        assert answer["causes"] == []
        assert {name: check["status"] for name, check in answer["checks"].items()} == {
            "database": "ok",
            "migrations": "ok",
            "writes": "ok",
        }
        assert all(check["age"] < 60 for check in answer["checks"].values())

    def test_a_part_that_has_not_finished_a_round_lately(self, client: Client) -> None:
        now = 0.0
        parts = Readiness(monotonic=lambda: now)
        rounds = parts.part("log_reader", every_seconds=2)
        with reporting(parts):
            now = 9.0
            assert ready(client)[1]["checks"]["log_reader"]["status"] == "starting"
            rounds.finished()
            now = 17.5
            assert ready(client)[1]["checks"]["log_reader"] == {
                "status": "ok",
                "age": 8.5,
                "limit": 9.0,
            }
            now = 18.5
            status, answer = ready(client)
        assert (status, answer["causes"]) == (503, ["log_reader"])
        assert (answer["database"], answer["checks"]["log_reader"]["status"]) == ("ok", "late")

    def test_a_channel_layer_that_fails_is_information(self, client: Client) -> None:
        parts = Readiness()
        parts.is_layer_failing = lambda: True
        with reporting(parts):
            status, answer = ready(client)
        assert status == 200
        assert answer["information"]["channel_layer"] == {"status": "failing"}

    def test_a_wrong_clock_is_information(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clock, "_wall", lambda: 0.0)
        ready(client)
        clock.measured(1000.0, began=clock.monotonic(), ended=clock.monotonic())
        # The answer was fresh: the database was not asked for its time.
        status, answer = ready(client)
        assert (status, answer["information"]["clock"]["status"]) == (200, "wrong")
        assert answer["information"]["clock"]["offset"] == pytest.approx(-1000, abs=60)

    @pytest.mark.stack("embedded")
    def test_the_clock_of_sqlite_is_that_of_the_server(self, client: Client) -> None:
        assert ready(client)[1]["information"]["clock"] == {
            "status": "ok",
            "age": 0.0,
            "offset": 0.0,
        }

    def test_migrations_that_were_not_run(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database_check, "_migrations", lambda: ["0001_initial", "9999_next"])
        status, answer = ready(client)
        assert (status, answer["causes"]) == (503, ["migrations"])
        assert answer["checks"]["migrations"]["error"] == "UnappliedMigrations"

    def test_it_leaves_nothing_behind_and_asks_once_a_second(self, client: Client) -> None:
        statements: list[str] = []

        def collect(execute: Any, sql: str, *rest: Any) -> Any:
            statements.append(sql)
            return execute(sql, *rest)

        with connection.execute_wrapper(collect):
            ready(client)
            first = len(statements)
            ready(client)
        assert len(statements) == first > 0


@pytest.mark.stack("production")
@pytest.mark.django_db(transaction=True)
def test_it_answers_while_the_database_hangs(client: Client) -> None:
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE live_inbox_inbox IN ACCESS EXCLUSIVE MODE")
        status, answer = ready(client)
        assert (status, answer["causes"]) == (503, ["database"])
        assert answer["checks"]["database"]["status"] in ("failed", "timeout")
        assert answer["checks"]["writes"]["status"] == "unknown"
        other.rollback()
        other.execute("LOCK TABLE live_inbox_deployment IN ACCESS EXCLUSIVE MODE")
        status, answer = ready(client)
        assert (status, answer["causes"]) == (503, ["writes"])
    assert ready(client)[0] == 200


@pytest.mark.django_db(transaction=True)
async def test_one_check_at_a_time_whatever_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    started, release = [], asyncio.Event()

    async def hang(lane: Lane, call: Callable[[], None]) -> None:
        started.append(lane)
        await release.wait()
        call()

    monkeypatch.setattr(database_check, "in_lane", hang)
    monkeypatch.setattr(database_check, "STEPS", dict.fromkeys(database_check.STEPS, lambda: None))
    check = DatabaseCheck()
    for _ in range(3):
        states = await check.within(0.01)
        assert [state["status"] for state in states.values()] == ["timeout", "unknown", "unknown"]
    assert started == [Lane.READINESS]
    release.set()
    states = await check.within(20)
    assert {state["status"] for state in states.values()} == {"ok"}


@pytest.mark.stack("embedded")
class TestSQLite:
    @pytest.fixture
    def file(self, stack: Stack, django_db_setup: None) -> Path:
        return Path(stack.fresh_database().removeprefix("sqlite:///"))

    def test_a_file_that_is_locked_for_long_takes_no_writes(
        self, file: Path, start_server: Callable[..., ServerProcess]
    ) -> None:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        server = start_server(DATABASE_URL=f"sqlite:///{file}")
        answer = httpx.get(f"{server.http}/readyz", timeout=30)
        assert answer.json()["causes"] == ["writes"]
        assert answer.json()["checks"]["writes"]["reason"] == "database_unavailable"
        other.rollback()
        assert httpx.get(f"{server.http}/readyz", timeout=30).status_code == 200
        # Other writers may hold it for a moment.
        other.execute("BEGIN IMMEDIATE")
        until = server_says(server, "busy")
        assert until["status"] == "ready"
        other.close()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only files")
    def test_a_read_only_file(self, file: Path, start_server: Callable[..., ServerProcess]) -> None:
        server = start_server(DATABASE_URL=f"sqlite:///{file}")
        file.chmod(0o400)
        assert httpx.get(f"{server.http}/readyz", timeout=30).status_code == 503


def server_says(server: ServerProcess, status: str) -> Any:
    """Ask until the check of writes has this status: an answer is given again for a second."""
    found: list[Any] = []

    def asked() -> bool:
        found[:] = [httpx.get(f"{server.http}/readyz", timeout=30).json()]
        return bool(found[0]["checks"]["writes"]["status"] == status)

    wait_until(asked)
    return found[0]


def test_a_server_reports_its_parts(
    stack: Stack, django_db_setup: None, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server(DATABASE_URL=stack.fresh_database(), RECONCILE_SECONDS="0.2")
    found: list[Any] = []

    def all_ok() -> bool:
        found[:] = [httpx.get(f"{server.http}/readyz", timeout=30).json()]
        checks = found[0]["checks"]
        return all(check["status"] == "ok" for check in checks.values()) and len(checks) == 6

    wait_until(all_ok)
    assert set(found[0]["checks"]) == {
        "database",
        "migrations",
        "writes",
        "log_reader",
        "reconciliation",
        "admissions",
    }
    assert "clock" in found[0]["information"]


def test_an_inbox_is_reported_while_it_runs() -> None:
    parts = Readiness()
    with reporting(parts):
        assert readiness.running() == (parts,)
    assert readiness.running() == ()


def test_a_database_without_migrations_is_not_ready(
    process_registry: ProcessRegistry, start_server: Callable[..., ServerProcess]
) -> None:
    empty = process_registry.new_directory("never-migrated") / "empty.sqlite3"
    server = start_server(DATABASE_URL=f"sqlite:///{empty}")
    assert server.answers()
    answer = httpx.get(f"{server.http}/readyz", timeout=60)
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"]["reason"] == "internal"


@pytest.mark.django_db(transaction=True)
def test_metrics_require_a_local_request_or_the_token(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = {"Host": "localhost:8000"}
    assert client.get("/metrics", headers=local).status_code == 200
    assert client.get("/metrics", headers=local, REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics", headers=local, REMOTE_ADDR="10.0.0.1").status_code == 403
    # What a proxy on the same machine passes on, although BEHIND_PROXY is not set.
    assert client.get("/metrics", headers={"Host": "testserver"}).status_code == 403
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"):
        assert client.get("/metrics", headers=local | {name: "192.0.2.1"}).status_code == 403
    with changed_settings(TRUSTED_PROXIES=["1"]):
        assert client.get("/metrics", headers=local).status_code == 403
    guarded = site_settings().model_copy(update={"metrics_token": "secret"})
    monkeypatch.setattr("live_inbox.health.inbox_settings", lambda: guarded)
    assert client.get("/metrics").status_code == 403
    answer = client.get("/metrics", headers={"Authorization": "Bearer secret"})
    assert b"inbox_events_committed_total" in answer.content


urlpatterns = [
    path("inner/", include("live_inbox.health_urls")),
    path("", include("live_inbox.urls")),
]
"""Of a project that has put the endpoints below a prefix."""


class TestVersion:
    def test_it_names_the_build_and_nothing_else(self, client: Client) -> None:
        assert client.get("/version").json() == {"version": live_inbox.__version__, "commit": None}
        with changed_settings(COMMIT="0a1b2c3"):
            assert client.get("/version").json()["commit"] == "0a1b2c3"

    def test_it_can_be_turned_off(self, client: Client) -> None:
        with changed_settings(VERSION_ENDPOINT=False):
            answer = client.get("/version")
        assert answer.status_code == 404
        assert live_inbox.__version__ not in answer.text


@pytest.mark.django_db(transaction=True)
class TestDraining:
    def test_a_process_that_is_about_to_stop_is_not_ready(self, client: Client) -> None:
        with readiness.draining():
            status, answer = ready(client)
            assert (status, answer["causes"]) == (503, ["draining"])
            assert answer["checks"]["draining"] == {"status": "draining"}
        status, answer = ready(client)
        assert status == 200
        assert "draining" not in answer["checks"]

    def test_a_server_goes_on_serving_while_load_balancers_notice(
        self, start_server: Callable[..., ServerProcess]
    ) -> None:
        server = start_server(STOP_DELAY_SECONDS="300")
        server.child.ask_to_stop()
        causes: list[str] = []

        def is_draining() -> bool:
            causes[:] = httpx.get(f"{server.http}/readyz", timeout=30).json()["causes"]
            return "draining" in causes

        wait_until(is_draining)
        assert causes == ["draining"]
        # Each on a connection of its own.
        assert server.answers()
        protocols = [Subprotocol("graphql-transport-ws")]
        with connect(f"{server.ws}/graphql/", subprotocols=protocols) as opened:
            opened.send('{"type": "ping"}')
            assert json.loads(opened.recv(30))["type"] == "pong"
            server.child.ask_to_stop(signal.SIGINT)
            with pytest.raises(ConnectionClosed) as caught:
                opened.recv(30)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012
        server.child.wait(seconds=60)


class TestWhateverHost:
    """A probe asks by an address that no ALLOWED_HOSTS has, or without a Host."""

    @pytest.fixture(autouse=True)
    def _allowed(self) -> Iterator[None]:
        with override_settings(ALLOWED_HOSTS=["example.com"]):
            yield

    HOSTS = ("10.42.8.201:8000", "", "evil.example", "no host", "[::1]:x", "localhost:8000")

    @pytest.mark.django_db(transaction=True)
    def test_of_the_site(self) -> None:
        for host in self.HOSTS:
            client = Client(headers={"Host": host})
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").status_code == 200
            assert client.get("/version").status_code == 200
            # It is protected as before.
            assert client.get("/metrics").status_code == 403
            with changed_settings(METRICS_TOKEN="secret"):
                authorized = {"Authorization": "Bearer secret"}
                assert client.get("/metrics", headers=authorized).status_code == 200
            # Nothing else is answered to them.
            assert client.get("/healthz/").status_code == 400
            assert client.get("/ws/notifications/").status_code == 400

    @override_settings(SECURE_SSL_REDIRECT=True)
    def test_over_plain_http(self) -> None:
        assert Client().get("/healthz").status_code == 200
        assert Client(headers={"Host": "example.com"}).get("/").status_code == 301

    @override_settings(ROOT_URLCONF=__name__)
    def test_of_a_project_below_a_prefix(self) -> None:
        assert Client().get("/inner/healthz").status_code == 200
        assert Client().get("/healthz").status_code == 400
        with override_settings(ROOT_URLCONF="live_inbox.urls"):
            assert Client().get("/inner/healthz").status_code == 400

    @pytest.mark.django_db(transaction=True)
    def test_on_a_server(self, start_server: Callable[..., ServerProcess]) -> None:
        server = start_server(BEHIND_PROXY="true", METRICS_TOKEN="secret")

        def answer(path_: str, host: str | None, version: str) -> bytes:
            line = "" if host is None else f"Host: {host}\r\n"
            request = f"GET {path_} HTTP/{version}\r\n{line}Authorization: Bearer secret\r\n\r\n"
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as opened:
                opened.sendall(request.encode())
                return opened.recv(4096)

        def status(path_: str, host: str | None, version: str) -> bytes:
            return answer(path_, host, version)[9:12]

        for path_ in ("/healthz", "/readyz", "/version", "/metrics"):
            assert status(path_, None, "1.0") == status(path_, None, "1.1") == b"200"
            assert status(path_, "10.42.8.201:8000", "1.1") == b"200"
            # HTTP/1.0 knows no chunks.
            assert b"\r\ncontent-length: " in answer(path_, None, "1.0")
        assert status("/", "10.42.8.201:8000", "1.1") == b"400"
        assert "Traceback" not in server.log()
