"""The check that an address serves both APIs' sockets."""

from __future__ import annotations

import live_inbox
from tests.both_apis.devices import GraphQLDevice, JsonDevice


def check_delivery(address: str, user_id: int, token: str) -> None:
    """Check that both APIs at an address deliver what this process sends."""
    with GraphQLDevice(address, token) as graphql, JsonDevice(address, token) as original:
        live_inbox.send(recipient=user_id, title="Hello")
        assert [graphql.next_change().what, original.next_change().what] == ["added", "added"]
