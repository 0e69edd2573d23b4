"""The Celery tasks of the shop."""

from celery import shared_task
from django.db import transaction

from backend.orders.models import Order
from backend.orders.ordering import mark_shipped


@shared_task
def ship_order(order_id):
    """Pack an order and hand it over."""
    with transaction.atomic():
        mark_shipped(Order.objects.select_for_update().get(pk=order_id))
