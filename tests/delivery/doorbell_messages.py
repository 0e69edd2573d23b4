"""Doorbells as messages of a channel layer, as the processes of one site write and read them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from live_inbox.delivery.doorbell_message import DoorbellCodec, DoorbellMessage
from tests.delivery.group_names import DEPLOYMENT

OTHER_SITE = DoorbellCodec(lambda: [b"the key of another site"])


def doorbell_message(
    inboxes: Mapping[str, Sequence[bytes]],
    *,
    sender: str = "other",
    deployment: str = DEPLOYMENT,
    sent_at: float | None = None,
    codec: DoorbellCodec | None = None,
) -> dict[str, Any]:
    """Return what another process publishes; with the keys of this process unless a codec is given."""
    when = time.time() if sent_at is None else sent_at
    events = {inbox: list(entries) for inbox, entries in inboxes.items()}
    message = DoorbellMessage(deployment, sender, when, os.urandom(8), events)
    return (codec or DoorbellCodec()).encode(message)


def inboxes_of(message: object) -> dict[str, list[bytes]]:
    """Return the events that a message of this site carries."""
    return DoorbellCodec().decode(message, deployment=DEPLOYMENT).inboxes
