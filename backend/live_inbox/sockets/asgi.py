"""The types of ASGI: what servers call, and with what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BOUNDED = "live_inbox.bounded"
"""What a scope has whose server bounds the size and the time of a body itself."""


def client_address(scope: Mapping[str, Any]) -> str:
    """Return the IP address of the client, as the server knows it; empty if it does not."""
    client = scope.get("client")
    return str(client[0]) if client else ""
