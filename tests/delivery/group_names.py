"""The group names of the deployment that the tests of delivery run in."""

from __future__ import annotations

from live_inbox.delivery.channel_layer import bulk_group, inbox_group

DEPLOYMENT = "d1"
BULK = bulk_group(DEPLOYMENT)


def group_of(inbox: str) -> str:
    """Return the group of an inbox."""
    return inbox_group(DEPLOYMENT, inbox)


def deployment() -> str:
    """Return the id, as a doorbell asks for it."""
    return DEPLOYMENT
