"""The admin of deliveries to the webhook of actions: what waits, what has failed, and attempting that again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from live_inbox.admin.base import ReadOnlyAdmin
from live_inbox.admin.history import log_by_number
from live_inbox.admin.paginator import CappedPaginator
from live_inbox.admin.rendering import as_json, counted
from live_inbox.admin.selection import refuse_large_selection
from live_inbox.models import WebhookDelivery
from live_inbox.services.action_webhook import deliver_again


class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Lists what the receiver does not have yet, the newest first. What it has is not kept."""

    actions = ("attempt_again",)
    list_display = (
        "message_id",
        "notification_id",
        "attempts",
        "last_error",
        "next_attempt_at",
        "failed_at",
        "created_at",
    )
    list_filter = (("failed_at", admin.EmptyFieldListFilter),)
    search_fields = ("=message_id", "=notification_id")
    search_help_text = "A complete id of a message, or of a notification."
    ordering = ("-pk",)
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    fields = (
        "message_id",
        "notification_id",
        "message",
        "attempts",
        "last_error",
        "next_attempt_at",
        "failed_at",
        "created_at",
    )
    readonly_fields = ("message",)

    @admin.display(description="message")
    def message(self, delivery: WebhookDelivery) -> SafeString:
        """What is sent, as indented JSON."""
        return as_json(json.loads(delivery.body))

    def has_attempt_permission(self, request: HttpRequest) -> bool:
        """Whether the user may have deliveries attempted again."""
        return request.user.has_perm("live_inbox.change_webhookdelivery")

    @admin.action(description="Deliver selected failures again", permissions=["attempt"])
    def attempt_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Attempt those of the selected deliveries again that have failed, as if they were new."""
        if refuse_large_selection(self, request, queryset):
            return
        failed = [row for row in queryset.order_by("pk") if row.failed_at is not None]
        count = deliver_again([row.pk for row in failed])
        user_id: Any = request.user.pk
        log_by_number(user_id, failed, CHANGE, "Delivered again.")
        text = f"{counted(count, 'failure')} will be delivered again."
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)
