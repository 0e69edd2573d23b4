"""The pages of the shop."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from backend.orders.models import Order
from backend.orders.ordering import place_order

PRODUCTS = {"Teapot": "24.50", "Cup": "6.90"}


@login_required
def orders(request):
    """Show what can be bought, and what the customer has bought."""
    return render(
        request, "orders.html", {"products": PRODUCTS, "orders": request.user.orders.all()}
    )


@login_required
def order(request, pk):
    """Show one order of the customer."""
    found = get_object_or_404(Order, pk=pk, customer=request.user)
    return render(request, "order.html", {"order": found})


@login_required
@require_POST
def buy(request):
    """Place an order."""
    product = request.POST.get("product")
    if product in PRODUCTS:
        place_order(request.user, product, PRODUCTS[product])
    return redirect("orders")
