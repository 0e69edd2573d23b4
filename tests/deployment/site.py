"""What compose.yaml describes, on this machine: a proxy with TLS, two servers with workers, PostgreSQL and Redis."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.deployment.nginx_server import NginxServer
from tests.stacks.certificate import write_certificate
from tests.stacks.child import Child
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry
from tests.stacks.stack import Stack
from tests.stacks.uvicorn_server import REPOSITORY

HOST = "inbox.example.com"
WORKERS = 2
WAIT_SECONDS = 30.0
JWT_SECRET = "a-token-secret-of-the-deployed-site-0123456789"
SETTINGS = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "a-secret-key-of-the-deployed-site-0123456789-0123456789",
    "JWT_SECRET": JWT_SECRET,
    "JWT_CREATE_USERS": "true",
    "JWT_USER_FIELD": "username",
    "ALLOWED_HOSTS": HOST,
    "BEHIND_PROXY": "true",
    "METRICS_TOKEN": "a-token-for-the-metrics-0123456789",
    "PAGES": "true",
    # So that the addresses of this machine are limited as any others.
    "UNLIMITED_ADDRESSES": "192.0.2.1",
    "SIGN_IN_RATE_PER_ADDRESS": "3/hour",
    "MAX_SOCKETS_PER_ADDRESS": "20",
}


class DeployedSite:
    """The proxy and its servers. Clients connect from an address of this machine that they choose."""

    def __init__(self, process_registry: ProcessRegistry, stack: Stack, nginx: str) -> None:
        directory = process_registry.new_directory("site")
        certificate = write_certificate(directory / "certificate.pem", HOST)
        self._process_registry = process_registry
        self._environment = {
            **os.environ,
            **stack.environment(),
            **SETTINGS,
            "DATABASE_URL": stack.fresh_database(),
        }
        self._directory = directory
        self._trusting = ssl.create_default_context(cafile=str(certificate))
        # The client of websockets reads and writes in two threads, which Python's ssl survives since 3.13 only: with
        # TLS 1.3, what nginx sends after its handshake is read while the request is written, and the request is lost.
        self._trusting_sockets = ssl.create_default_context(cafile=str(certificate))
        self._trusting_sockets.maximum_version = ssl.TLSVersion.TLSv1_2
        self._ports = [free_port(), free_port()]
        self._servers: list[Child | None] = [None, None]
        self.proxy = NginxServer(process_registry, nginx, self._ports, certificate)

    @property
    def port(self) -> int:
        """The port of the proxy."""
        return self.proxy.port

    @property
    def origin(self) -> str:
        """The origin of the site's pages."""
        return f"https://{HOST}:{self.port}"

    def start(self) -> None:
        """Start what does not run."""
        for number, server in enumerate(self._servers):
            if server is None or not server.running:
                self._servers[number] = self._start_server(number)
        for server in self._servers:
            assert server is not None
            _wait_for_workers(server)
        if not self.proxy_runs:
            self.proxy.start()

    @property
    def proxy_runs(self) -> bool:
        """Whether the proxy was started."""
        return self.proxy._child is not None and self.proxy.child.running

    def server(self, number: int) -> Child:
        """Return the process of a server."""
        found = self._servers[number]
        assert found is not None
        return found

    def close(self) -> None:
        """End everything."""
        for server in self._servers:
            if server is not None:
                server.kill()
        if self.proxy_runs:
            self.proxy.kill()

    def logs(self) -> dict[str, str]:
        """Return everything that the proxy and the servers have logged."""
        own = {path.name: path.read_text() for path in self._directory.glob("*.log")}
        return {**self.proxy.logs(), **own}

    # -- clients ------------------------------------------------------------------------------------------

    def token(self, name: str) -> str:
        """Return a token of a user, who is made when it is first seen."""
        claims = {"sub": name, "iat": int(time.time()), "exp": int(time.time()) + 600}
        return jwt.encode(claims, JWT_SECRET, algorithm="HS256")

    def request(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        source: str = LOOPBACK,
        **headers: str,
    ) -> tuple[int, dict[str, str], str]:
        """Send a request over TLS; return the status, the headers with names in small letters, and the body."""
        connection = self._https(source)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read().decode()
        finally:
            connection.close()

    def graphql(self, token: str, query: str, **variables: Any) -> dict[str, Any]:
        """Execute an operation; return its data."""
        status, _, text = self.request(
            "POST",
            "/graphql/",
            body=json.dumps({"query": query, "variables": variables}),
            Authorization=f"Bearer {token}",
            Content_Type="application/json",
        )
        assert status == 200, text
        answer = json.loads(text)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    @contextmanager
    def stream(self, token: str, query: str) -> Iterator[http.client.HTTPResponse]:
        """Open a subscription as an event stream."""
        connection = self._https(LOOPBACK)
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "text/event-stream",
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", "/graphql/", json.dumps({"query": query}), headers)
            yield connection.getresponse()
        finally:
            connection.close()

    @contextmanager
    def socket(
        self, path: str, *, subprotocol: str | None = None, source: str = LOOPBACK
    ) -> Iterator[ClientConnection]:
        """Open a WebSocket over TLS, as a page of the site does."""
        raw = socket.create_connection((LOOPBACK, self.port), WAIT_SECONDS, (source, 0))
        with connect(
            f"wss://{HOST}:{self.port}{path}",
            sock=raw,
            ssl=self._trusting_sockets,
            origin=Origin(self.origin),
            subprotocols=None if subprotocol is None else [Subprotocol(subprotocol)],
            compression=None,
            open_timeout=WAIT_SECONDS,
        ) as opened:
            yield opened

    def _https(self, source: str) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(
            HOST, self.port, timeout=WAIT_SECONDS, context=self._trusting
        )
        # The name is in no directory: the address is this machine's.
        raw = socket.create_connection((LOOPBACK, self.port), WAIT_SECONDS, (source, 0))
        connection.sock = self._trusting.wrap_socket(raw, server_hostname=HOST)
        return connection

    def _start_server(self, number: int) -> Child:
        port = self._ports[number]
        return Child(
            self._process_registry,
            [
                *(sys.executable, "manage.py", "serve", "--port", str(port)),
                *("--workers", str(WORKERS)),
            ],
            log=self._directory / f"server-{number + 1}.log",
            environment=self._environment,
            directory=REPOSITORY,
            warm=True,
        )


def _wait_for_workers(server: Child) -> None:
    server.wait_until(lambda: server.text().count("startup complete") >= WORKERS)
