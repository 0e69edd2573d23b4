"""A receiver of webhooks: an HTTP server that answers as a test says, and remembers what it got."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEYS = (b"k" * 24, b"another key of the tests that has 48 bytes......")
SECRETS = tuple("whsec_" + base64.b64encode(key).decode() for key in KEYS)


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Message
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def timestamp(self) -> int:
        return int(self.headers["webhook-timestamp"])

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    def signed_by(self) -> list[bytes]:
        """Return the keys that one of the signatures fits, computed as the specification says."""
        given = self.headers["webhook-signature"].split(" ")
        content = f"{self.message_id}.{self.timestamp}.".encode() + self.body
        return [
            key
            for key in KEYS
            if "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
            in given
        ]


@dataclass
class Receiver:
    """The server. Requests get the answers in turns, the last one for ever; they wait until the gate is open."""

    answers: list[tuple[int, Mapping[str, str]]] = field(default_factory=lambda: [(204, {})])
    received: list[Received] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    most_at_once: Counter[str] = field(default_factory=Counter)
    """How many requests with an id were under way at the same time."""

    def __post_init__(self) -> None:
        self.gate.set()
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.serve(self)

            def do_GET(self) -> None:
                raise AssertionError("a redirection was followed")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook?a=1"

    @property
    def ids(self) -> list[str]:
        return [each.message_id for each in self.received]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        got = Received(handler.path, handler.headers, body)
        with self._lock:
            self.received.append(got)
            status, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self._under_way[got.message_id] += 1
            most = max(self.most_at_once[got.message_id], self._under_way[got.message_id])
            self.most_at_once[got.message_id] = most
        self.gate.wait(30)
        with self._lock:
            self._under_way[got.message_id] -= 1
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def run(self) -> None:
        self._server.serve_forever(0.01)

    def stop(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a receiver while in the block."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop()
        thread.join()
