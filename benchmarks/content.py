"""What every event of every peer carries: the same notification, with a number that the client can find fast."""

from __future__ import annotations

from typing import Any

MARK = b"seq="
DIGITS = 9
WARM_UP = 0
"""The number of the events that only show that a socket is live. Those that are counted begin at 1."""

MESSAGE = (
    "The invoice of November has been paid in full. The receipt is attached to the order, and the "
    "next one is due in January."
)
LINK = "/invoices/4711"
KIND = "invoice"
DATA: dict[str, Any] = {"invoice": 4711, "currency": "EUR"}
WRITTEN = "2026-11-22T12:00:00.123456Z"

SUBSCRIPTION = (
    "subscription Events { notificationEvents { __typename position unreadCount occurredAt "
    "... on NotificationAdded { notification { id type title message link data read createdAt } } } }"
)
"""What the GraphQL clients of all peers ask for."""


def title(sequence: int) -> str:
    """Return a title that contains the number of an event in its stream."""
    return f"Invoice paid seq={sequence:0{DIGITS}d}"


def sequence_in(text: bytes) -> int | None:
    """Return the number in a message, or None if it is no event."""
    begin = text.find(MARK)
    if begin < 0:
        return None
    begin += len(MARK)
    return int(text[begin : begin + DIGITS])


def event(sequence: int) -> dict[str, Any]:
    """Return an event as the peers publish it: as large as the product's own."""
    return {
        "__typename": "NotificationAdded",
        "position": f"0123456789ab.{sequence}",
        "unreadCount": sequence,
        "occurredAt": WRITTEN,
        "notification": {
            "id": str(1_000_000 + sequence),
            "type": KIND,
            "title": title(sequence),
            "message": MESSAGE,
            "link": LINK,
            "data": DATA,
            "read": False,
            "createdAt": WRITTEN,
        },
    }
