"""What happens to orders. Each function sends its notification in the transaction of its change."""

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from django.utils.translation import gettext_lazy as _

import live_inbox
from backend.orders.models import Order

BOARD = "order-board"
"""The group of the staff's own consumer."""


def place_order(customer, product, price):
    """Create an order, thank the customer, and have the order shipped."""
    from backend.orders.tasks import ship_order

    order = Order.objects.create(customer=customer, product=product, price=price)
    live_inbox.send(
        recipient=customer,
        type="order",
        title=_("Order received"),
        message=f"{order.product}, {order.price} €",
        link=order,
        data={"order": order.pk, "price": order.price},
        idempotency_key=f"order-{order.pk}-received",
    )
    transaction.on_commit(lambda: _show_on_board(order))
    transaction.on_commit(lambda: ship_order.delay(order.pk))
    return order


def mark_shipped(order):
    """Record that an order is under way, and tell the customer, once."""
    order.status = Order.Status.SHIPPED
    order.save(update_fields=["status"])
    live_inbox.send(
        recipient=order.customer,
        type="order",
        title=_("Order shipped"),
        message=order.product,
        link=order,
        data={"order": order.pk},
        idempotency_key=f"order-{order.pk}-shipped",
    )


def _show_on_board(order):
    message = {"type": "order.placed", "order": order.pk, "product": order.product}
    async_to_sync(get_channel_layer().group_send)(BOARD, message)
