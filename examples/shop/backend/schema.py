"""The shop's GraphQL schema: its orders, and everything that the inbox has."""

import strawberry

import live_inbox_graphql
from backend.orders import models


@strawberry.type
class Order:
    """An order, as its customer sees it."""

    id: strawberry.ID
    product: str
    status: str

    @classmethod
    def of(cls, order: models.Order) -> "Order":
        """Return the order for a row."""
        return cls(id=strawberry.ID(str(order.pk)), product=order.product, status=order.status)


@strawberry.type
class Query(live_inbox_graphql.Query):
    """The inbox's fields, and the shop's."""

    @strawberry.field
    async def orders(self, info: strawberry.Info) -> list[Order]:
        """Return the caller's orders, newest first."""
        user = info.context.request.user
        if not user.is_authenticated:
            return []
        return [Order.of(order) async for order in user.orders.all()]


schema = strawberry.Schema(
    query=Query,
    mutation=live_inbox_graphql.Mutation,
    subscription=live_inbox_graphql.Subscription,
    types=live_inbox_graphql.EVENT_TYPES,
)
