"""The states of a bulk send, and whom one may be for."""

from __future__ import annotations

from enum import StrEnum


class BulkState(StrEnum):
    """What is being done about a bulk send."""

    PENDING = "pending"
    """Nobody has been reached yet."""
    RUNNING = "running"
    """Some have been reached, and the others will be."""
    DONE = "done"
    """Everybody has been dealt with."""
    CANCELLED = "cancelled"
    """Who has been reached keeps it, and nobody else gets it."""
    RECALLING = "recalling"
    """The notifications are being deleted, and nobody else gets it."""
    RECALLED = "recalled"
    """The notifications are deleted."""


SENDING = (BulkState.PENDING, BulkState.RUNNING)
"""The states in which further recipients get the notification."""

STOPPED = (BulkState.CANCELLED, BulkState.RECALLING, BulkState.RECALLED)
"""The states in which nobody else gets the notification, because somebody has said so or it could not be."""

RECALLABLE = (*SENDING, BulkState.DONE, BulkState.CANCELLED)
"""The states in which a recall can begin."""

DUE = (*SENDING, BulkState.RECALLING)
"""The states in which there is something left to do."""


class AudienceKind(StrEnum):
    """How the recipients of a campaign are named."""

    USERS = "users"
    """By their keys."""
    TOPIC = "topic"
    """Those who are subscribed to a topic."""
    SEGMENT = "segment"
    """Those whom a function of the setting SEGMENTS finds."""
    EVERYBODY = "everybody"
    """All active users."""
