"""Requests of this server to others, whose deadline holds wherever they hang. A local HTTP server answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from live_inbox.http_client import HttpClient, Request, RequestFailed, address_problem
from tests.waiting import wait_until

NO_HURRY = 30.0


class Server:
    """An HTTP server; a request waits until the gate is open."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.connections = 0
        self.gate = threading.Event()
        self.gate.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def do_GET(self) -> None:
                server.paths.append(self.path)
                server.gate.wait(NO_HURRY)
                self.send_response(int(self.path.strip("/")))
                self.send_header("Location", "/200")
                self.send_header("Retry-After", "7")
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1,slow.example")
    server = Server()
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.gate.set()
    server.server.shutdown()
    thread.join()
    server.server.server_close()


@pytest.fixture
def client() -> HttpClient:
    return HttpClient("test", most_requests=2)


@pytest.mark.parametrize("status", [200, 204, 301, 307, 410, 500])
def test_every_status_is_an_answer(server: Server, client: HttpClient, status: int) -> None:
    request = Request(f"{server.url}/{status}", max_bytes=5)
    response = client.begin(request, timeout_seconds=NO_HURRY).result()
    assert (response.status, response.headers["retry-after"]) == (status, "7")
    assert response.body == (b"hello" if status == 200 else b"")
    assert server.paths == [f"/{status}"]


def test_a_body_may_be_bounded_or_left_unread(server: Server, client: HttpClient) -> None:
    unread = client.begin(Request(f"{server.url}/200"), timeout_seconds=NO_HURRY).result()
    assert (unread.is_success, unread.body) == (True, b"")
    pending = client.begin(Request(f"{server.url}/200", max_bytes=4), timeout_seconds=NO_HURRY)
    with pytest.raises(RequestFailed, match="more than 4 bytes"):
        pending.result()


def test_an_answer_that_comes_late_is_none(server: Server, client: HttpClient) -> None:
    server.gate.clear()
    pending = client.begin(Request(f"{server.url}/200"), timeout_seconds=0.2)
    with pytest.raises(RequestFailed, match=r"no answer within 0\.2 s"):
        pending.result()


def test_requests_that_hang_are_limited(server: Server, client: HttpClient) -> None:
    server.gate.clear()
    request = Request(f"{server.url}/200")
    pending = [client.begin(request, timeout_seconds=NO_HURRY) for _ in range(2)]
    with pytest.raises(RequestFailed, match="still hang"):
        client.begin(request, timeout_seconds=NO_HURRY).result()
    server.gate.set()
    assert [each.result().status for each in pending] == [200, 200]


def test_nothing_is_sent_after_the_deadline(
    server: Server, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs is the look-up of the name. When it ends, somebody else may be about to send the same."""
    resolved = threading.Event()
    resolve = socket.getaddrinfo

    def slowly(host: str, *arguments: Any, **options: Any) -> Any:
        assert resolved.wait(NO_HURRY)
        return resolve("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    port = server.server.server_address[1]
    pending = client.begin(Request(f"http://slow.example:{port}/200"), timeout_seconds=0.1)
    with pytest.raises(RequestFailed):
        pending.result()
    resolved.set()
    wait_until(lambda: not any(t.name == "test-request" for t in threading.enumerate()))
    wait_until(lambda: server.connections == 1)
    assert server.paths == []


def test_time_that_has_run_out_before_makes_no_request(server: Server, client: HttpClient) -> None:
    since = time.monotonic() - 2
    pending = client.begin(Request(f"{server.url}/200"), timeout_seconds=1, since=since)
    with pytest.raises(RequestFailed):
        pending.result()
    wait_until(lambda: not any(t.name == "test-request" for t in threading.enumerate()))
    assert server.paths == []


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hooks.example/x?y=1", None),
        ("http://127.0.0.1:8000/", None),
        ("http://[::1]/", None),
        ("http://localhost/", None),
        ("http://hooks.example/", "must be an https address in production"),
        ("https://a:b@hooks.example/", "has a name and a password in it"),
        ("file:///etc/passwd", "is not an http(s) address"),
        ("https://", "is not an http(s) address"),
        ("https://hooks.example/a b", "has characters that an address cannot have"),
        ("https://hooks.example/\n", "has characters that an address cannot have"),
        ("https://hooks.example/é", "has characters that an address cannot have"),
        ("https://[", "is not an http(s) address"),
        ("https://hooks.example:port/", "is not an http(s) address"),
        ("", "is not an http(s) address"),
    ],
)
def test_addresses_are_checked(url: str, problem: str | None) -> None:
    assert address_problem(url, over_http=False) == problem
    assert address_problem("http://hooks.example/", over_http=True) is None
