"""The shop's admin of orders."""

from django.contrib import admin

from backend.orders.models import Order


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Lists the orders."""

    list_display = ["id", "product", "status", "ordered_at"]
    list_filter = ["status"]
