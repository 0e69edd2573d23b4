"""How each API shows what it has read: its reply to a message stands for the echo of the suite.

Both APIs answer in JSON, so a payload of the suite is sent within a string of JSON. The reply repeats that string, or
proves that the message was read to its end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from tests.conformance.cases import Case, Echo
from tests.conformance.frames import BINARY

MAX_MESSAGE_BYTES = 65_536

Reply = dict[str, Any] | int
"""A message, or the code with which the API closes the socket."""


@dataclass(frozen=True)
class Envelope:
    """What is put around a payload."""

    before: bytes = b""
    after: bytes = b""


class Api(Protocol):
    """A socket of the product."""

    name: ClassVar[str]
    subprotocol: ClassVar[str | None]

    def path(self, token: str) -> str:
        """Return the path and the query of the socket."""

    def envelope(self, case: Case) -> Envelope:
        """Return what is put around the payloads of a case."""

    def reply(self, echo: Echo, case: Case) -> Reply:
        """Return how the API replies to a message."""


NOTHING = Envelope()


class JsonApi:
    """`/ws/notifications/`. A short payload is an unknown type, which the error repeats.

    A long one stands before the type `ping`, which is found only when everything before it was read.
    """

    name: ClassVar[str] = "json"
    subprotocol: ClassVar[str | None] = None

    def path(self, token: str) -> str:
        """Return the path and the query of the socket."""
        return f"/ws/notifications/?token={token}"

    def envelope(self, case: Case) -> Envelope:
        """Return what is put around the payloads of a case."""
        if case.is_raw:
            return NOTHING
        if _is_long(case):
            return Envelope(b'{"padding":"', b'","type":"ping"}')
        return Envelope(b'{"type":"', b'"}')

    def reply(self, echo: Echo, case: Case) -> Reply:
        """Return how the API replies to a message."""
        size = case.size or len(echo.payload)
        if echo.opcode == BINARY:
            return _error("BINARY_MESSAGE", "A message must be text.")
        if size > MAX_MESSAGE_BYTES:
            limit = f"A message must have {MAX_MESSAGE_BYTES} bytes at most."
            return _error("MESSAGE_TOO_LARGE", limit)
        text = echo.payload.decode()
        if case.is_raw or text == "\x00":
            return _error("INVALID_JSON", _not_json(text if case.is_raw else '{"type":"\x00"}'))
        if _is_long(case):
            return {"type": "pong"}
        return _error("UNKNOWN_TYPE", f"There is no message of type {text!r}.")


class GraphQLApi:
    """`/graphql/` with graphql-transport-ws: the payload is within that of a `ping`, which the `pong` repeats."""

    name: ClassVar[str] = "graphql"
    subprotocol: ClassVar[str | None] = "graphql-transport-ws"

    def path(self, token: str) -> str:
        """Return the path of the socket. A `ping` needs no token."""
        return "/graphql/"

    def envelope(self, case: Case) -> Envelope:
        """Return what is put around the payloads of a case."""
        return NOTHING if case.is_raw else Envelope(b'{"type":"ping","payload":{"echo":"', b'"}}')

    def reply(self, echo: Echo, case: Case) -> Reply:
        """Return how the API replies to a message."""
        if (case.size or len(echo.payload)) > MAX_MESSAGE_BYTES:
            return 1009
        text = echo.payload.decode(errors="replace")
        if echo.opcode == BINARY or case.is_raw or text == "\x00":
            return 4400
        if case.size is not None:
            text = text[: case.size - len(b"".join(vars(self.envelope(case)).values()))]
        return {"type": "pong", "payload": {"echo": text}}


def _is_long(case: Case) -> bool:
    """Whether a payload is too long to be repeated, or errors would be so many that they close the socket."""
    echoes = [answer for answer in case.answers if isinstance(answer, Echo)]
    return len(echoes) > 10 or any(len(echo.payload) > 64 for echo in echoes)


def _error(code: str, message: str) -> Reply:
    return {"type": "error", "code": code, "message": message}


def _not_json(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"The message is not JSON: {error}."
    raise AssertionError(text)


APIS: tuple[Api, ...] = (JsonApi(), GraphQLApi())
