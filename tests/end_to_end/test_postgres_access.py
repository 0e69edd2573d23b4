"""How servers reach PostgreSQL: several hosts and a failover, TLS, and passwords that change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote

import httpx
import psycopg
import pytest
from django.contrib.auth.models import User
from psycopg import sql

from live_inbox.identity.issuing import issue_token
from tests.both_apis.devices import GraphQLDevice, Refused
from tests.stacks.authority import Authority
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.postgres_server import PostgresServer
from tests.stacks.postgres_standby import PostgresStandby
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.python_process import completed_python, run_python
from tests.stacks.relay import Relay
from tests.stacks.tls_relay import TlsRelay
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.stack("production")

USER = "inbox"
ONLY_BY_PASSWORD = f"host all {USER} {LOOPBACK}/32 scram-sha-256\nlocal all {USER} scram-sha-256\n"

ALICE: LiteralString = """
    INSERT INTO auth_user VALUES (1, '', NULL, false, 'alice', '', '', '', false, true, now())
"""


@dataclass
class Primary:
    """A PostgreSQL of its own with a migrated database, where the role of the site needs its password."""

    server: PostgresServer
    port: int
    password: str = "the first password"

    def change_password(self, password: str) -> None:
        """Give the role another password, and end its sessions, as an administrator may do."""
        self.password = password
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            admin.execute(statement.format(sql.Identifier(USER), sql.Literal(password)))
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [USER]
            )

    @property
    def login(self) -> str:
        """The role and its password, as in a URL."""
        return f"{USER}:{quote(self.password)}"

    def url(self, *, login: str, hosts: str = "", query: str = "") -> str:
        """Return the address of the site's database, for its role."""
        return f"postgres://{login}@{hosts or f'{LOOPBACK}:{self.port}'}/inbox{query}"


@pytest.fixture(scope="module")
def primary(process_registry: ProcessRegistry) -> Iterator[Primary]:
    """The PostgreSQL that the tests of this file share."""
    port = free_port()
    with PostgresServer(process_registry, durable=True, port=port) as server:
        rules = server.data / "pg_hba.conf"
        rules.write_text(ONLY_BY_PASSWORD + rules.read_text())
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("CREATE ROLE inbox LOGIN PASSWORD 'the first password'")
            admin.execute("CREATE DATABASE inbox OWNER inbox")
        made = Primary(server, port)
        url = made.url(login="inbox:the%20first%20password")
        run_python("manage.py", "migrate", environment=os.environ | {"DATABASE_URL": url})
        with psycopg.connect(server.url("inbox"), autocommit=True) as admin:
            admin.execute(ALICE)
        yield made


@pytest.fixture
def start(start_server: Callable[..., ServerProcess]) -> Callable[..., ServerProcess]:
    """Start a server on a database at this address."""

    def start(url: str, **settings: str) -> ServerProcess:
        return start_server(DATABASE_URL=url, RECONCILE_SECONDS="0.5", **settings)

    return start


def open_device(server: ServerProcess) -> GraphQLDevice:
    """Open a device of the one user."""
    alice = User(pk=1, username="alice")
    return GraphQLDevice(server.ws, issue_token(alice, ttl_seconds=3600))


def delivers(device: GraphQLDevice, title: str) -> bool:
    """Send, and return whether it was accepted; then it is delivered, too."""
    try:
        device.send(1, title)
    except Refused as refused:
        assert refused.code == "SERVICE_UNAVAILABLE"
        return False
    shown = device.next_change().notification
    assert shown is not None
    assert shown.title == title
    return True


def serves_pages(server: ServerProcess) -> bool:
    """Return whether a page gets a connection from the pool: it looks for the session of the cookie."""
    answer = httpx.get(f"{server.http}/admin/", cookies={"sessionid": "0" * 32}, timeout=60)
    return answer.status_code == 302


def check(url: str) -> str:
    """Return what `manage.py serve --check` says of the database at this address."""
    done = completed_python(
        *("manage.py", "serve", "--check"), environment=os.environ | {"DATABASE_URL": url}
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert "not-its-password" not in done.stdout + done.stderr
    return said["database"]


@pytest.mark.parametrize("kind", ["passfile", "service"])
def test_a_password_that_changes_is_read_at_the_next_connection(
    primary: Primary, start: Callable[..., ServerProcess], tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "file"

    def write() -> None:
        if kind == "passfile":
            file.write_text(f"*:*:*:{USER}:{primary.password}\n")
            # libpq ignores a file that others may read.
            file.chmod(0o600)
        else:
            file.write_text(f"[inbox]\nuser={USER}\npassword={primary.password}\n")
            file.chmod(0o444)

    write()
    query = f"?passfile={file}" if kind == "passfile" else "?service=inbox"
    login = USER if kind == "passfile" else ""
    server = start(
        primary.url(login=login, query=query).replace("://@", "://"), PGSERVICEFILE=str(file)
    )
    with open_device(server) as device:
        assert delivers(device, "first")
        assert serves_pages(server)
        primary.change_password(f"another one for {kind}")
        write()
        wait_until(lambda: delivers(device, "second"))
        wait_until(lambda: serves_pages(server))
    assert primary.password not in server.log()


def test_tls_that_verifies_the_server_and_shows_a_certificate(
    primary: Primary, start: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate = authority.issue(LOOPBACK)
    client = authority.issue("client")
    socket = primary.server.directory / f".s.PGSQL.{primary.port}"
    with TlsRelay(socket, certificate, client_authority=authority.file, postgres=True) as relay:

        def url(root: Path) -> str:
            return primary.url(
                login=primary.login,
                hosts=f"{LOOPBACK}:{relay.port}",
                query=f"?sslmode=verify-full&sslrootcert={root}&sslcert={client}&sslkey={client}",
            )

        server = start(url(authority.file))
        with open_device(server) as device:
            assert delivers(device, "over TLS")
        assert serves_pages(server)
        assert "certificate verify failed" in check(url(other.file))
        assert "root certificate file" in check(url(tmp_path / "nowhere"))


def test_what_is_wrong_is_said_in_one_line(primary: Primary, tmp_path: Path) -> None:
    place = f'OperationalError: connection failed: connection to server at "{LOOPBACK}", port {primary.port} failed'
    wrong = check(primary.url(login=f"{USER}:not-its-password"))
    database = f"(PostgreSQL inbox on {LOOPBACK}:{primary.port})"
    assert wrong == f'{place}: FATAL:  password authentication failed for user "inbox" {database}'
    # libpq has ignored the file, and says so on the standard error.
    readable = tmp_path / "passfile"
    readable.write_text(f"*:*:*:*:{primary.password}")
    readable.chmod(0o644)
    missing = check(primary.url(login=USER, query=f"?passfile={readable}"))
    assert missing == f"{place}: fe_sendauth: no password supplied {database}"


def test_a_first_host_that_is_silent_is_passed_over(
    primary: Primary, start: Callable[..., ServerProcess]
) -> None:
    with Relay(primary.server.directory / f".s.PGSQL.{primary.port}") as relay:
        relay.partition()
        hosts = f"{LOOPBACK}:{relay.port},{LOOPBACK}:{primary.port}"
        query = "?target_session_attrs=read-write&connect_timeout=2"
        server = start(primary.url(login=primary.login, hosts=hosts, query=query))
        with open_device(server) as device:
            assert delivers(device, "from the second host")
        assert relay.accepted > 0


def test_a_standby_takes_over(
    primary: Primary, start: Callable[..., ServerProcess], process_registry: ProcessRegistry
) -> None:
    port = free_port()
    with ExitStack() as stack:
        standby = stack.enter_context(PostgresStandby(process_registry, primary.server, port=port))
        url = primary.url(
            login=primary.login,
            hosts=f"{LOOPBACK}:{primary.port},{LOOPBACK}:{port}",
            query="?target_session_attrs=read-write",
        )
        # It would also give each inbox a new epoch: tests/databases/test_failover.py.
        server = start(url, HOUSEKEEPING="false")
        with open_device(server) as device:
            assert delivers(device, "before")
            wait_until(standby.has_all)
            primary.server.kill()
            stack.callback(primary.server.start)
            assert not delivers(device, "without a primary")
            assert httpx.get(f"{server.http}/readyz", timeout=60).status_code == 503
            place = f'connection to server at "{LOOPBACK}", port'
            assert check(url) == (
                f"OperationalError: {place} {primary.port} failed: Connection refused; "
                f"{place} {port} failed: session is read-only "
                f"(PostgreSQL inbox on {LOOPBACK},{LOOPBACK}:{primary.port},{port})"
            )
            standby.promote()
            wait_until(lambda: delivers(device, "afterwards"))
            wait_until(lambda: serves_pages(server))
            assert httpx.get(f"{server.http}/readyz", timeout=60).status_code == 200
        log = server.log()
        assert log.count("The inbox log fails: OperationalError: ") == 1
        assert "Traceback" not in log
        assert primary.password not in log
