"""Why this server closes a GraphQL socket: the one table of codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from live_inbox.sockets.session import CloseReason

_LONGEST_REASON = 123
"""Bytes that a close frame has room for."""


class GraphQLCloseCode(IntEnum):
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
class GraphQLClosing:
    """What belongs to a code: the reason that is sent, when, and whether clients of graphql-ws come back."""

    reason: str
    when: str
    comes_back: bool


CLOSINGS = {
    GraphQLCloseCode.NORMAL: GraphQLClosing(
        "Terminated", "the client asked for it (`connection_terminate`)", False
    ),
    GraphQLCloseCode.TOO_BIG: GraphQLClosing(
        "Message too big",
        "a message exceeds MAX_MESSAGE_BYTES, or comes in more than 128 frames",
        False,
    ),
    GraphQLCloseCode.RESTARTING: GraphQLClosing("Service restart", "the server stops", True),
    GraphQLCloseCode.TRY_AGAIN: GraphQLClosing(
        "Try again later",
        "the client sends faster than SOCKET_RATE or does not answer pings, its user has MAX_SOCKETS_PER_USER sockets, "
        "the server cannot find out who is asking, or it has failed",
        True,
    ),
    GraphQLCloseCode.INVALID_MESSAGE: GraphQLClosing(
        "Invalid message",
        "a message is not of the protocol, or the id of an operation has more than 128 bytes",
        False,
    ),
    GraphQLCloseCode.NOT_ACKNOWLEDGED: GraphQLClosing(
        "Unauthorized", "an operation was sent before `connection_ack`", False
    ),
    GraphQLCloseCode.FORBIDDEN: GraphQLClosing(
        "Forbidden",
        "the token is missing, not accepted, expired or revoked, the user was deactivated, or an administrator has "
        "disconnected the device: the word after the colon says which. Clients come back with fresh parameters, and "
        "give up after some attempts",
        True,
    ),
    GraphQLCloseCode.NO_SUBPROTOCOL: GraphQLClosing(
        "Subprotocol not acceptable", "the client speaks none of the subprotocols", False
    ),
    GraphQLCloseCode.INIT_TIMEOUT: GraphQLClosing(
        "Connection initialisation timeout",
        "no `connection_init` within CONNECTION_INIT_SECONDS",
        True,
    ),
    GraphQLCloseCode.DUPLICATE_ID: GraphQLClosing(
        "Subscriber already exists", "an operation has the id of one that is running", False
    ),
    GraphQLCloseCode.SECOND_INIT: GraphQLClosing(
        "Too many initialisation requests", "a second `connection_init`", False
    ),
}
"""Every code with its meaning."""

TOO_MANY_MESSAGES = "too many messages"
TOO_MANY_SOCKETS = "too many sockets"
NO_PONG = "no pong"
INTERNAL_ERROR = "internal error"
TRY_AGAIN_DETAILS = frozenset({TOO_MANY_MESSAGES, TOO_MANY_SOCKETS, NO_PONG, INTERNAL_ERROR})
"""The details of TRY_AGAIN, beside the reasons for which something is not available."""


def reason_for(code: GraphQLCloseCode, detail: str = "") -> str:
    """Return the reason as it is sent: the table's and, after a colon, as much detail as fits."""
    reason = CLOSINGS[code].reason
    if detail and detail != reason:
        reason = f"{reason}: {detail}"
    return reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")


_ENDINGS = {
    CloseReason.RATE_LIMITED: (GraphQLCloseCode.TRY_AGAIN, TOO_MANY_MESSAGES),
    CloseReason.ACCESS_ENDED: (GraphQLCloseCode.FORBIDDEN, ""),
    CloseReason.RESTARTING: (GraphQLCloseCode.RESTARTING, ""),
    CloseReason.FAILED: (GraphQLCloseCode.TRY_AGAIN, INTERNAL_ERROR),
}


def close_frame(code: GraphQLCloseCode, detail: str = "") -> tuple[int, str]:
    """Return the code and the reason as they are sent."""
    return code.value, reason_for(code, detail)


def close_frame_for(ending: CloseReason, detail: str) -> tuple[int, str]:
    """Return the code and the reason for an ending by the session."""
    code, usual_detail = _ENDINGS[ending]
    return close_frame(code, detail or usual_detail)
