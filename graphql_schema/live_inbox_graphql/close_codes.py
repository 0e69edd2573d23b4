"""Why this server closes a GraphQL socket: the one table of codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

_LONGEST_REASON = 123
"""Bytes that a close frame has room for."""


class CloseCode(IntEnum):
    """Those from 4400 on are the protocol's, the others WebSocket's. Never 1011: clients give up on it."""

    NORMAL = 1000
    TOO_BIG = 1009
    RESTARTING = 1012
    TRY_AGAIN = 1013
    INVALID_MESSAGE = 4400
    NOT_ACKNOWLEDGED = 4401
    FORBIDDEN = 4403
    NO_SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    SECOND_INIT = 4429


@dataclass(frozen=True, slots=True)
class Closing:
    """What goes with a code: the reason that is sent, when, and whether clients of graphql-ws come back."""

    reason: str
    when: str
    comes_back: bool


CLOSINGS = {
    CloseCode.NORMAL: Closing(
        "Terminated", "the client asked for it (`connection_terminate`)", False
    ),
    CloseCode.TOO_BIG: Closing("Message too big", "a message exceeds MAX_MESSAGE_BYTES", False),
    CloseCode.RESTARTING: Closing("Service restart", "the server stops", True),
    CloseCode.TRY_AGAIN: Closing(
        "Try again later",
        "the client sends faster than SOCKET_RATE, the server cannot find out who is asking, or it has failed",
        True,
    ),
    CloseCode.INVALID_MESSAGE: Closing(
        "Invalid message", "a message is not of the protocol", False
    ),
    CloseCode.NOT_ACKNOWLEDGED: Closing(
        "Unauthorized", "an operation was sent before `connection_ack`", False
    ),
    CloseCode.FORBIDDEN: Closing(
        "Forbidden",
        "the token is missing, not accepted, expired or revoked, or the user was deactivated: the word after "
        "the colon says which. Clients come back with fresh parameters, and give up after some attempts",
        True,
    ),
    CloseCode.NO_SUBPROTOCOL: Closing(
        "Subprotocol not acceptable", "the client speaks none of the subprotocols", False
    ),
    CloseCode.INIT_TIMEOUT: Closing(
        "Connection initialisation timeout",
        "no `connection_init` within CONNECTION_INIT_SECONDS",
        True,
    ),
    CloseCode.DUPLICATE_ID: Closing(
        "Subscriber already exists", "an operation has the id of one that is running", False
    ),
    CloseCode.SECOND_INIT: Closing(
        "Too many initialisation requests", "a second `connection_init`", False
    ),
}
"""Every code with its meaning."""


def reason_for(code: CloseCode, detail: str = "") -> str:
    """Return the reason as it is sent: the table's and, after a colon, as much detail as fits."""
    reason = CLOSINGS[code].reason
    if detail and detail != reason:
        reason = f"{reason}: {detail}"
    return reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")
