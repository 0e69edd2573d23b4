"""How much one action may take on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

MOST_SELECTED = 1000
"""Each selected row is a transaction and an event of its own, all within one request."""


def refuse_too_many(page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]) -> bool:
    """Return whether too much is selected, having told so. Never counts further than it must."""
    too_many = len(queryset.order_by().values_list("pk")[: MOST_SELECTED + 1]) > MOST_SELECTED
    if too_many:
        page.message_user(
            request,
            f"Select {MOST_SELECTED} rows at a time at most. Nothing was done.",
            messages.ERROR,
        )
    return too_many
