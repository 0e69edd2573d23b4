"""The admin of scheduled sends: what waits for its time, and cancelling it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from live_inbox import services
from live_inbox.admin.base import ReadOnlyAdmin
from live_inbox.admin.confirmation import asked
from live_inbox.admin.paginator import CappedPaginator
from live_inbox.admin.rendering import as_json, user_search
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
        cancelled = 0
        for scheduled in queryset.order_by("pk"):
            if services.cancel(scheduled_id=scheduled.pk):
                cancelled += 1
                self._log(request, scheduled)
        count = "1 send" if cancelled == 1 else f"{cancelled} sends"
        self.message_user(request, f"Cancelled {count}.", messages.SUCCESS)
        return None

    def _log(self, request: HttpRequest, scheduled: ScheduledSend) -> None:
        """Record it by its number: titles do not stay in the history."""
        user_id: Any = request.user.pk
        LogEntry.objects.create(
            user_id=user_id,
            content_type=ContentType.objects.get_for_model(ScheduledSend),
            object_id=str(scheduled.pk),
            object_repr=f"Scheduled send {scheduled.pk}",
            action_flag=DELETION,
            change_message="Cancelled.",
        )
