"""The shop's own WebSocket: a board on which the staff see orders as they come in."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from backend.orders.ordering import BOARD


class OrderBoardConsumer(AsyncJsonWebsocketConsumer):
    """Shows each new order to members of staff."""

    groups = [BOARD]

    async def connect(self):
        """Accept members of staff only."""
        user = self.scope["user"]
        if user.is_authenticated and user.is_staff:
            await self.accept()
        else:
            await self.close(4403)

    async def order_placed(self, message):
        """Pass an order on."""
        await self.send_json({"order": message["order"], "product": message["product"]})
