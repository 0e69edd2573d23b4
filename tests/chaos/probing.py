"""Requests that go on while something is broken, to see whom it concerns: their latencies, in a thread of its own."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from itertools import cycle
from typing import Self

from tests.chaos.measuring import percentile
from tests.chaos.system import SystemUnderTest

PAUSE_SECONDS = 0.1
REQUEST_SECONDS = 20.0
MARK_ALL = "mutation { markAllRead { count } }"


def post(server: str, token: str, query: str) -> str:
    """Post an operation; return the code of its error, or nothing. Raise OSError if there is no answer."""
    body = json.dumps({"query": query}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server}/graphql/", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        with closing(error):
            try:
                document = json.load(error)
            except ValueError:
                return f"HTTP {error.code}"
    errors = document.get("errors") or []
    return str(errors[0].get("extensions", {}).get("code", "no code")) if errors else ""


class Probe:
    """Asks for the same again and again, of all servers in turn, in the name of several users in turn."""

    def __init__(
        self, system: SystemUnderTest, users: Sequence[tuple[int, str]], *, threads: int = 1
    ) -> None:
        self._servers = cycle([server.http for server in system.servers])
        self._users = cycle(users)
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self._lock = threading.Lock()
        self.latencies: list[float] = []
        self.codes: list[str] = []

    def start(self) -> Self:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()
        return self

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                server, (_, token) = next(self._servers), next(self._users)
            began = time.monotonic()
            try:
                code = post(server, token, MARK_ALL)
            except (OSError, ValueError) as error:
                code = type(error).__name__
            self.latencies.append(time.monotonic() - began)
            self.codes.append(code)
            self._stopping.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        """Ask no more, and wait for the last answers."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(REQUEST_SECONDS + 5)

    def summary(self) -> str:
        """Return the latencies in words."""
        p50, p99 = percentile(self.latencies, 0.5), percentile(self.latencies, 0.99)
        return f"{len(self.latencies)} requests, p50 {p50:.2f} s, p99 {p99:.2f} s"
