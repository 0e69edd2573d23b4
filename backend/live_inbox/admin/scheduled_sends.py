"""The admin of scheduled sends: what waits for its time, and cancelling it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from live_inbox import services
from live_inbox.admin.base import ReadOnlyAdmin
from live_inbox.admin.confirmation import asked
from live_inbox.admin.history import log_by_number
from live_inbox.admin.paginator import CappedPaginator
from live_inbox.admin.rendering import as_json, counted, user_search
from live_inbox.admin.selection import refuse_large_selection
from live_inbox.models import ScheduledSend


class ScheduledSendAdmin(ReadOnlyAdmin):
    """Lists what is still to be delivered, the next one first."""

    actions = ("cancel",)
    list_display = ("title", "recipient", "type", "deliver_at", "sender", "created_at")
    list_display_links = ("title",)
    list_select_related = ("recipient", "sender")
    search_fields = (f"={user_search('recipient')}", "=idempotency_key")
    search_help_text = "A complete username or idempotency key."
    ordering = ("deliver_at", "pk")
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    fields = (
        "recipient",
        "sender",
        "deliver_at",
        "content_shown",
        "bulk_send",
        "idempotency_key",
        "created_at",
    )
    readonly_fields = ("content_shown",)

    @admin.display(description="title")
    def title(self, scheduled: ScheduledSend) -> str:
        """The title that it will have."""
        return str(scheduled)

    @admin.display(description="type")
    def type(self, scheduled: ScheduledSend) -> object:
        """The type that it will have."""
        return scheduled.content.get("type")

    @admin.display(description="content")
    def content_shown(self, scheduled: ScheduledSend) -> SafeString:
        """The content, as indented JSON."""
        return as_json(scheduled.content)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether the user may cancel: whoever may send."""
        return request.user.has_perm("live_inbox.send_notification")

    @admin.action(description="Cancel selected sends", permissions=["cancel"])
    def cancel(
        self, request: HttpRequest, queryset: QuerySet[ScheduledSend]
    ) -> HttpResponse | None:
        """Cancel the selected sends after confirmation."""
        if refuse_large_selection(self, request, queryset):
            return None
        text = "These notifications will not be delivered."
        page = asked(self, request, queryset, title="Cancel the sends", text=text)
        if page is not None:
            return page
        rows = [row for row in queryset.order_by("pk") if services.cancel(scheduled_id=row.pk)]
        user_id: Any = request.user.pk
        log_by_number(user_id, rows, DELETION, "Cancelled.")
        self.message_user(request, f"Cancelled {counted(len(rows), 'send')}.", messages.SUCCESS)
        return None
