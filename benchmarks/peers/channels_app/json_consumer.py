"""A consumer as in the tutorial of Channels: a group for each user, every message handed on as JSON."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class InboxConsumer(AsyncJsonWebsocketConsumer):
    """One socket of one user."""

    async def connect(self) -> None:
        """Join the user's group."""
        self.group = f"user.{self.scope['url_route']['kwargs']['user']}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        """Leave the group."""
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def inbox_event(self, message: dict[str, Any]) -> None:
        """Tell an event."""
        await self.send_json(message["event"])
