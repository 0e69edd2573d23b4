"""The log of a server as JSON lines: requests and sockets with their ids, users, operations and durations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.end_to_end.serve_command import ServeStarter
from tests.stacks.uvicorn_server import ServerProcess

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.stack("embedded")]

QUERY = "query Me { viewer { id } }"


def access_lines(server: ServerProcess) -> list[dict[str, Any]]:
    """Return the lines of the access log, after a check that each line of the log is JSON."""
    lines = [json.loads(text) for text in server.log().splitlines()]
    assert all({"time", "level", "logger", "message", "process"} <= set(line) for line in lines)
    return [line for line in lines if line["logger"] == "live_inbox.access"]


def ask(server: ServerProcess, token: str, **headers: str) -> None:
    answer = httpx.post(
        f"{server.http}/graphql/?token=secret-of-the-query",
        json={"query": QUERY},
        headers={"Authorization": f"Bearer {token}", **headers},
        timeout=60,
    )
    assert answer.status_code == 200
    assert "errors" not in answer.json()


def talk(server: ServerProcess, token: str) -> None:
    """Open a socket, be admitted, and leave."""
    protocols = [Subprotocol("graphql-transport-ws")]
    with connect(f"{server.ws}/graphql/", subprotocols=protocols) as opened:
        opened.send(json.dumps({"type": "connection_init", "payload": {"token": token}}))
        assert json.loads(opened.recv(30)) == {"type": "connection_ack"}
        opened.send("{")
        with pytest.raises(ConnectionClosed):
            opened.recv(30)


def test_requests_and_sockets_are_logged_when_they_end(
    alice: int, token: str, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server(LOG_FORMAT="json", ACCESS_LOG="1")
    ask(server, token, **{"X-Request-ID": "from-the-proxy.7"})
    ask(server, token, **{"X-Request-ID": "no id of ours"})
    httpx.get(f"{server.http}/nowhere/%0Atoken=abc", timeout=60)
    talk(server, token)
    server.stop()
    lines = [line for line in access_lines(server) if line.get("path") != "/healthz"]
    # A line is written after its answer: the next one, on another connection, can come before it.
    (socket,) = [line for line in lines if "socket" in line]
    (unknown,) = [line for line in lines if line.get("status") == 404]
    answered = [line for line in lines if line not in (socket, unknown)]
    first, second = sorted(answered, key=lambda line: line["request"] != "from-the-proxy.7")
    assert first["request"] == "from-the-proxy.7"
    assert len(second["request"]) == 16
    for line in (first, second):
        assert (line["method"], line["path"], line["status"]) == ("POST", "/graphql/", 200)
        assert (line["user"], line["operation"]) == (str(alice), "Me")
        assert line["duration_ms"] > 0
    assert (unknown["path"], unknown["status"]) == ("/nowhere/%0Atoken=***", 404)
    assert "user" not in unknown
    assert (socket["api"], socket["subprotocol"]) == ("graphql", "graphql-transport-ws")
    assert (socket["code"], socket["user"]) == (4400, str(alice))
    assert len(socket["socket"]) == 16
    assert "secret-of-the-query" not in server.log()
    assert token not in server.log()


def test_without_a_share_there_is_no_access_log_and_text_is_text(
    token: str, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server(LOG_FORMAT="text")
    ask(server, token)
    server.stop()
    assert "live_inbox.access" not in server.log()
    assert " INFO uvicorn" in server.log()


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one", "workers"])
def test_all_that_serve_writes_is_json(
    options: tuple[str, ...], start_serve: ServeStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On both streams, of which a container makes one."""
    monkeypatch.setenv("LOG_FORMAT", "json")
    serve = start_serve(*options)
    serve.interrupt()
    assert serve.child.wait(seconds=60) == 0
    lines = [json.loads(text) for text in serve.child.text().splitlines()]
    (place,) = [line for line in lines if line["message"].startswith("Serving on ")]
    assert place["message"] == f"Serving on 127.0.0.1, port {serve.port}."
    assert place["level"] == "INFO"
