"""Orders."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class Order(models.Model):
    """One order of a customer."""

    class Status(models.TextChoices):
        RECEIVED = "received", _("received")
        SHIPPED = "shipped", _("shipped")

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="orders")
    product = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVED)
    ordered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return f"{self.product} ({self.get_status_display()})"

    def get_absolute_url(self):
        """Return the page of the order. A notification takes the order itself as its link."""
        return reverse("order", args=[self.pk])
