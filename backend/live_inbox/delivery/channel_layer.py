"""The part of the Channels layer interface that delivery uses, and the names of its groups."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine
from inspect import getattr_static
from typing import Any, Protocol

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class PublishingLayer(Protocol):
    """What a doorbell needs. A layer with several hosts also has `host_of`: see `RedisLayer`."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...


class GroupLayer(Protocol):
    """What group membership needs. A layer whose memberships end has `group_expiry`, in seconds.

    A layer that can join many groups at a time also has `group_add_many`: see `RedisLayer`.
    """

    # As coroutines, so that many can be under way at a time.
    def group_add(self, group: str, channel: str) -> Coroutine[Any, Any, None]: ...
    def group_discard(self, group: str, channel: str) -> Coroutine[Any, Any, None]: ...


class ReceivingLayer(Protocol):
    """What the listener needs. A layer that drains also has `receive_into`: see `RedisLayer`."""

    async def receive(self, channel: str) -> dict[str, Any]: ...


class HubLayer(GroupLayer, ReceivingLayer, Protocol):
    """What a hub needs."""


class ChannelLayer(HubLayer, PublishingLayer, Protocol):
    """A channel layer: any that keeps to the interface of Django Channels."""


def extension(layer: object, name: str) -> Any:
    """Return an attribute that only some layers have, or None.

    Looked up without `__getattr__`: that of channels-redis' pub/sub layer raises RuntimeError outside of a loop.
    """
    found = getattr_static(layer, name, None)
    return None if found is None else getattr(layer, name)


class HostOf:
    """Says which of its hosts a layer sends a group to: a number from 0, or None for a layer that does not say."""

    def __init__(self) -> None:
        self._of: tuple[object, Callable[[str], int | None] | None] = (None, None)

    def __call__(self, layer: object, group: str) -> int | None:
        """Return the number of the host, on the event loop that publishes."""
        known, host_of = self._of
        if known is not layer:
            # Looked up once: that takes as long as publishing.
            host_of = extension(layer, "host_of")
            self._of = layer, host_of
        return None if host_of is None else host_of(group)


def inbox_group(deployment: str, inbox: str) -> str:
    """Return the group of an inbox in a deployment: valid on every layer, whatever the inbox's key looks like."""
    if _PLAIN_KEY.fullmatch(inbox):
        return f"inbox.{deployment}.{inbox}"
    return f"inbox.{deployment}.sha.{hashlib.sha256(inbox.encode()).hexdigest()[:40]}"


def bulk_group(deployment: str) -> str:
    """Return the group of all hubs of a deployment: a bulk send publishes here once, not once for each inbox."""
    return f"inboxes.{deployment}"
