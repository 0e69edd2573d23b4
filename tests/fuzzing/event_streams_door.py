"""GraphQL as event streams: generated operations, and positions to resume from."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPResponse
from random import Random
from typing import Any, ClassVar
from urllib.parse import urlencode

from live_inbox import selectors
from tests.fuzzing.door import Door
from tests.fuzzing.grammar import Grammar
from tests.fuzzing.graphql_answers import check_errors
from tests.fuzzing.graphql_requests_door import STATUSES, parameters
from tests.fuzzing.messages import request
from tests.fuzzing.soundness import WAIT_SECONDS, Unsound, check_status, mute
from tests.fuzzing.target import Target
from tests.graphql.own_schema import schema
from tests.stacks.ports import LOOPBACK

STREAM = "text/event-stream"
PAGES = (f"{STREAM}, */*", "text/*")
"""What a page would do for, too."""
ACCEPTED = (STREAM, STREAM, STREAM, f"{STREAM};q=0.5, application/json", *PAGES)
QUIET_SECONDS = 0.02
"""After so long without anything more, a subscription is left."""
WRONG_POSITIONS = ("", "0", "-1", "x" * 300, "MTo5OTk5OTk5OTk5", "null", "a.b.c", "\xff")


class EventStreamsDoor(Door):
    """Asks for streams. Each begins at once, and what is no subscription is complete at once."""

    name: ClassVar[str] = "event-streams"
    short_inputs: ClassVar[int] = 100

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._position = str(selectors.page(user_id=str(target.user_id), limit=1).inbox.position)
        self._accept = STREAM

    def attempt(self, random: Random) -> int:
        """Ask for one stream, and read it until it is complete or, a subscription, quiet."""
        body = request(Grammar(schema.schema._schema, random), random)
        self.sent = body
        self._accept = random.choice(ACCEPTED)
        headers = {"Accept": self._accept}
        if random.random() < 0.95:
            headers["Authorization"] = f"Bearer {self.target.token}"
        if random.random() < 0.4:
            headers["Last-Event-ID"] = self._last_event_id(random)
        method, path, content = "POST", "/graphql/", json.dumps(body)
        if random.random() < 0.3 and isinstance(body, dict):
            method, path, content = "GET", f"/graphql/?{urlencode(parameters(body))}", ""
        else:
            headers["Content-Type"] = "application/json"
        connection = HTTPConnection(LOOPBACK, self.target.port, timeout=WAIT_SECONDS)
        try:
            connection.connect()
            # The connection forgets its socket when the response says that it is the last.
            stream_socket = connection.sock
            connection.request(method, path, content.encode(), headers)
            self._check(stream_socket, connection.getresponse(), body)
        except TimeoutError:
            raise mute(body) from None
        finally:
            connection.close()
        return 1

    def _last_event_id(self, random: Random) -> str:
        if random.random() < 0.5:
            return self._position
        return random.choice((*WRONG_POSITIONS, self._position[: random.randrange(20)]))

    def _check(self, stream_socket: socket.socket, response: HTTPResponse, body: Any) -> None:
        check_status(response.status, body)
        if response.status not in STATUSES:
            raise Unsound(f"{response.status} for {body!r}")
        if (response.getheader("Content-Type") or "").startswith(STREAM):
            self._check_stream(stream_socket, response, body)
            return
        if self._accept in PAGES and (response.getheader("Content-Type") or "").startswith(
            "text/html"
        ):
            # GraphiQL, for a GET without an operation.
            return
        content = json.loads(response.read())
        if not content.keys() & {"data", "errors"}:
            raise Unsound(f"neither data nor errors for {body!r}")
        check_errors(content, body)

    def _check_stream(
        self, stream_socket: socket.socket, response: HTTPResponse, body: Any
    ) -> None:
        # It begins at once, with a comment.
        line = response.readline()
        may_stay_open = _may_subscribe(body)
        if may_stay_open:
            stream_socket.settimeout(QUIET_SECONDS)
        try:
            while line:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if (name, value) == ("event", "complete"):
                    return
                if name == "data" and value:
                    check_errors(json.loads(value), body)
                line = response.readline()
        except TimeoutError:
            if may_stay_open:
                return
            raise
        raise Unsound(f"the stream has ended without saying so for {body!r}")


def _may_subscribe(body: Any) -> bool:
    """Whether a stream may stay open: of a subscription, or of a document that only the server has."""
    query = body.get("query") if isinstance(body, dict) else None
    return not isinstance(query, str) or "subscription" in query
