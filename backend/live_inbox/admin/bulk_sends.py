"""The admin of bulk sends with an idempotency key: how far each has come. Read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

from live_inbox.admin.base import ReadOnlyAdmin
from live_inbox.models import BulkSend


class BulkSendAdmin(ReadOnlyAdmin):
    """Lists the bulk sends that are remembered, the one that was continued last first."""

    list_display = ("key", "sender", "recipients", "sent", "suppressed", "started_at", "changed_at")
    list_display_links = ("key",)
    list_select_related = ("sender",)
    search_fields = ("=idempotency_key",)
    search_help_text = "A complete idempotency key."
    ordering = ("-changed_at", "-pk")
    sortable_by = ()
    show_full_result_count = False
    fields = (
        "idempotency_key",
        "sender",
        "recipients",
        "sent",
        "suppressed",
        "chunks",
        "started_at",
        "changed_at",
    )
    readonly_fields = ("sent", "suppressed")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkSend]:
        """Return the bulk sends with the sums of their chunks."""
        rows: QuerySet[BulkSend] = super().get_queryset(request)
        return rows.annotate(
            sent_sum=Sum("chunk_rows__sent"), suppressed_sum=Sum("chunk_rows__suppressed")
        )

    @admin.display(description="idempotency key")
    def key(self, bulk_send: Any) -> str:
        """The key; a number if the sender has been deleted."""
        return str(bulk_send)

    @admin.display(description="sent")
    def sent(self, bulk_send: Any) -> int:
        """How many recipients got the notification."""
        return bulk_send.sent_sum or 0

    @admin.display(description="type turned off")
    def suppressed(self, bulk_send: Any) -> int:
        """How many recipients had turned the type off."""
        return bulk_send.suppressed_sum or 0
