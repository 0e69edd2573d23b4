"""Why the server closes a socket of the JSON API: the one table of close codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from live_inbox.sockets.session import CloseReason


class JsonCloseCode(IntEnum):
    """Why the server ends a connection; from 4000 on, the HTTP status of that meaning plus 4000."""

    INTERNAL_ERROR = 1011
    RESTARTING = 1012
    TOO_MANY_FAULTS = 4400
    UNAUTHENTICATED = 4401
    EXPIRED = 4403
    RATE_LIMITED = 4429


@dataclass(frozen=True, slots=True)
class JsonClosing:
    """What belongs to a close code: the reason that is sent, and what the client does next."""

    reason: str
    advice: str


CLOSINGS = {
    JsonCloseCode.INTERNAL_ERROR: JsonClosing(
        "Internal error", "reconnects, waiting longer each time, and gets the list"
    ),
    JsonCloseCode.RESTARTING: JsonClosing(
        "The server is restarting", "reconnects after a random wait of some seconds"
    ),
    JsonCloseCode.TOO_MANY_FAULTS: JsonClosing(
        "Too many malformed messages", "does not reconnect by itself: it has a fault to be mended"
    ),
    JsonCloseCode.UNAUTHENTICATED: JsonClosing(
        "Token missing or not accepted", "does not reconnect before it has another token"
    ),
    JsonCloseCode.EXPIRED: JsonClosing(
        "Token expired or revoked", "gets a fresh token and reconnects at once"
    ),
    JsonCloseCode.RATE_LIMITED: JsonClosing(
        "Too many messages or connections", "reconnects, waiting longer each time"
    ),
}
"""Every code with its meaning; `docs/legacy-protocol.md` has the same table."""

_CODES = {
    CloseReason.RATE_LIMITED: JsonCloseCode.RATE_LIMITED,
    CloseReason.ACCESS_ENDED: JsonCloseCode.EXPIRED,
    CloseReason.RESTARTING: JsonCloseCode.RESTARTING,
    CloseReason.FAILED: JsonCloseCode.INTERNAL_ERROR,
}


def close_frame(code: JsonCloseCode, detail: str = "") -> tuple[int, str]:
    """Return the code and the reason as they are sent; the detail of a failure after a colon."""
    reason = CLOSINGS[code].reason
    return code.value, f"{reason}: {detail}" if detail else reason


def close_frame_for(ending: CloseReason, detail: str) -> tuple[int, str]:
    """Return the code and the reason for an ending by the session. This API sends no detail."""
    return close_frame(_CODES[ending])
