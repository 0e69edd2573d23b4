"""Secrets of clients and of the settings appear nowhere.

Every path is driven with marked secrets, and everything that is written is searched for them: the log at DEBUG, every
body of an answer, the metrics, the admin's pages, and the command lines of the server's processes.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import psutil
import pytest
from django.contrib.auth import get_user_model
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from live_inbox import services
from live_inbox.models import WebhookDelivery
from tests.changed_settings import changed_settings
from tests.stacks.uvicorn_server import ServerProcess
from tests.waiting import wait_until

PATHS = (
    "/",
    "/graphql/",
    "/ws/notifications/",
    "/admin/",
    "/admin/login/",
    "/sign-in/",
    "/demo-token",
    "/preferences/",
    "/healthz",
    "/readyz",
    "/version",
    "/metrics",
    "/nowhere",
    "/static/nothing.js",
)
SCHEMES = ("Bearer ", "bearer ", "Token ", "JWT ", "Basic ", "")
SOCKET_PROTOCOLS = ("graphql-transport-ws", "graphql-ws")


@dataclass
class Marks:
    """The secrets of one run, each with a text of its own that is found wherever it appears."""

    made: dict[str, str] = field(default_factory=dict)

    def __call__(self, purpose: str) -> str:
        """Return the secret for a purpose, always the same."""
        return self.made.setdefault(purpose, f"zq7{purpose}{len(self.made)}Xk9marked{'w' * 40}")

    def add(self, purpose: str, secret: str) -> str:
        """Look for this one, too; return it."""
        self.made[purpose] = secret
        return secret

    def found_in(self, text: str) -> list[str]:
        """Return the purposes of the secrets in a text."""
        return [purpose for purpose, secret in self.made.items() if secret in text]


@pytest.fixture
def marks() -> Marks:
    return Marks()


def token(marks: Marks, purpose: str, user: object, **claims: Any) -> str:
    """Return a valid token; its signature is what is looked for."""
    now = time.time()
    named = {"user_id": str(user), "iat": now, "exp": now + 600, "jti": purpose}
    made = jwt.encode(named | claims, marks("jwt"), algorithm="HS256")
    marks.add(purpose, made.rpartition(".")[2])
    return made


def drive_http(server: ServerProcess, marks: Marks, valid: str) -> Iterator[str]:
    """Send every kind of request with secrets in every place; yield the bodies of the answers."""
    query = f"?token={marks('query')}&ticket={marks('ticket')}&%74oken={marks('escaped')}&a=1"
    cookies = f"sessionid={marks('session')}; csrftoken={marks('csrf')}"
    with httpx.Client(base_url=server.http, timeout=60) as client:
        for path in PATHS:
            for scheme in SCHEMES:
                headers = {
                    "Authorization": f"{scheme}{marks('header')}",
                    "X-Session-Token": marks("allauth"),
                }
                answer = client.get(path + query, headers=headers)
                yield "" if _repeats_address(answer) else answer.text
            yield client.get(path, headers={"Cookie": cookies}).text
            yield client.post(path, headers={"Cookie": cookies}, data={"x": "y"}).text
            yield client.get(path, headers={"Authorization": f"Bearer {valid}"}).text
        for host in ("evil.example", f"evil.example?token={marks('host')}"):
            yield client.get("/", headers={"Host": host, "Cookie": cookies}).text
        for body in ("{", json.dumps({"query": "{ viewer { id } }", "token": marks("body")})):
            headers = {
                "Authorization": f"Bearer {marks('graphql')}",
                "Content-Type": "application/json",
            }
            yield client.post("/graphql/", content=body, headers=headers).text
            del headers["Authorization"]
            yield client.post("/graphql/", content=body, headers=headers).text


def _repeats_address(answer: httpx.Response) -> bool:
    """Whether a page has the address that was asked for: where to go after the login, or what is not found."""
    return 'name="next"' in answer.text or "Request URL" in answer.text


def drive_raw(server: ServerProcess, marks: Marks) -> Iterator[str]:
    """Send what is no HTTP, with secrets."""
    secret = marks("raw")
    for text in (
        f"GET /?token={secret} HTTP/9.9\r\n\r\n",
        f"GET /?token={secret} HTTP/1.1\r\nAuthorization Bearer {secret}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nBad\x00: {secret}\r\n\r\n",
        f"Bearer {secret}\r\n\r\n",
        f"GET /graphql/?token={secret} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nCookie: sessionid={secret}\r\nAuthorization: Bearer {secret}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(text.encode())
            with suppress(OSError):
                yield connection.recv(65536).decode("latin-1")


def drive_sockets(server: ServerProcess, marks: Marks, valid: str) -> Iterator[str]:
    """Open sockets with secrets in every place; yield what they receive."""
    query = f"?token={marks('socket query')}&ticket={marks('socket ticket')}"
    for given in (query, f"?token={valid}", ""):
        headers = {
            "Authorization": f"Bearer {marks('socket header') if '?' not in given else valid}",
            "Cookie": f"sessionid={marks('socket cookie')}",
        }
        yield from _talk(
            f"{server.ws}/ws/notifications/{given}",
            headers if not given else {},
            None,
            [{"type": "get_notifications", "token": marks("message")}, "{", {"type": "x"}],
        )
        for protocol in SOCKET_PROTOCOLS:
            for payload in (
                {"Authorization": f"Bearer {marks('payload')}"},
                {"token": marks("payload")},
                {"headers": {"authorization": f"Token {marks('payload')}"}},
                {"Authorization": f"Bearer {valid}"},
                {},
            ):
                messages = [
                    {"type": "connection_init", "payload": payload},
                    {"type": "subscribe", "id": "1", "payload": {"query": "{ nothing }"}},
                    {"type": "start", "id": "1", "payload": {"query": "{ nothing }"}},
                    {"type": f"token={marks('type')}", "authToken": marks("message")},
                ]
                offered = [protocol, f"bearer.{marks('subprotocol')}"]
                yield from _talk(f"{server.ws}/graphql/{given}", headers, offered, messages)


def _talk(
    address: str, headers: dict[str, str], protocols: list[str] | None, messages: list[Any]
) -> Iterator[str]:
    offered = [Subprotocol(name) for name in protocols] if protocols else None
    with (
        suppress(WebSocketException, OSError),
        connect(address, additional_headers=headers, subprotocols=offered) as opened,
    ):
        for message in messages:
            opened.send(message if isinstance(message, str) else json.dumps(message))
        while True:
            yield str(opened.recv(timeout=0.2))
    # A TimeoutError is an OSError: the socket had nothing more to say.


def drive_pages(server: ServerProcess, marks: Marks) -> Iterator[str]:
    """Sign in with a wrong and the right password, and look at the admin's pages."""
    with httpx.Client(base_url=server.http, timeout=60, follow_redirects=True) as client:
        for password in (marks("wrong password"), marks("password")):
            client.get("/admin/login/")
            csrf = client.cookies["csrftoken"]
            form = {"username": "root", "password": password, "csrfmiddlewaretoken": csrf}
            yield client.post("/admin/login/?next=/admin/", data=form).text
        session = marks.add("real session", client.cookies["sessionid"])
        assert session
        for path in ("/admin/", "/admin/auth/user/", "/admin/live_inbox/notification/", "/"):
            page = client.get(path)
            assert page.status_code == 200
            yield page.text
        headers = {"Authorization": f"Bearer {marks('metrics')}"}
        yield client.get("/metrics", headers=headers).text


def choose_an_action(user_id: int) -> None:
    """Have the server send a request to the webhook."""
    actions = [{"label": "Approve", "id": "approve"}]
    sent = services.send(recipient_id=user_id, title="x", actions=actions).notification
    assert sent is not None
    services.perform_action(user_id=user_id, notification_id=sent.pk, action_id="approve")


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("authenticator", ["default", "careless"])
def test_secrets_appear_nowhere(
    environment: str,
    authenticator: str,
    start_server: Callable[..., ServerProcess],
    marks: Marks,
) -> None:
    user = get_user_model().objects.create_superuser("root", password=marks("password"))
    settings = {
        "ENVIRONMENT": environment,
        "LOG_LEVEL": "DEBUG",
        "ACCESS_LOG": "1",
        "SECRET_KEY": marks("secret key"),
        "JWT_SECRET": marks("jwt"),
        "JWT_PREVIOUS_SECRETS": marks("previous"),
        "METRICS_TOKEN": marks("metrics"),
        "JWT_JWKS_HEADERS": json.dumps({"X-Key": marks("issuer")}),
        # Nobody listens there.
        "ACTION_WEBHOOK_URL": f"http://127.0.0.1:9/?key={marks('address')}",
        "ACTION_WEBHOOK_SECRETS": marks.add(
            "webhook", f"whsec_{base64.b64encode(b'x' * 24).decode()}"
        ),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "PAGES": "true",
    }
    if authenticator == "careless":
        settings["AUTHENTICATOR"] = "tests.identity.project_authenticators.Careless"
    # Its command line is its own.
    server = start_server(warm=False, **settings)
    with changed_settings(ACTION_WEBHOOK_URL=settings["ACTION_WEBHOOK_URL"]):
        choose_an_action(user.pk)
    bodies = [
        *drive_http(server, marks, token(marks, "token over HTTP", user.pk)),
        *drive_raw(server, marks),
        *drive_sockets(server, marks, token(marks, "token on sockets", user.pk)),
    ]
    if environment == "development":
        # In production, cookies are for https alone.
        bodies += drive_pages(server, marks)
    wait_until(lambda: WebhookDelivery.objects.get().last_error != "")
    bodies.append(WebhookDelivery.objects.get().last_error)
    parent = psutil.Process(server.child.pid)
    commands = [process.cmdline() for process in (parent, *parent.children(recursive=True))]
    server.stop()
    log = server.log()
    assert "DEBUG" in log
    assert authenticator == "default" or "RuntimeError" in log
    leaks = [line for line in log.splitlines() if marks.found_in(line)]
    assert not leaks, "\n".join(line[:1000] for line in leaks[:20])
    for body in bodies:
        assert not marks.found_in(body), (marks.found_in(body), body[:3000])
    assert not marks.found_in(repr(commands))
