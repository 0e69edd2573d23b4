"""The limit for the rows of one admin action."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

MAX_SELECTED = 1000
"""Each selected row costs a transaction and an event, all within one request."""


def refuse_large_selection(
    page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]
) -> bool:
    """Return whether more than MAX_SELECTED rows are selected, and show an error if so. Never counts them all."""
    too_many = len(queryset.order_by().values_list("pk")[: MAX_SELECTED + 1]) > MAX_SELECTED
    if too_many:
        page.message_user(
            request,
            f"Select at most {MAX_SELECTED} rows at a time. Nothing was changed.",
            messages.ERROR,
        )
    return too_many
