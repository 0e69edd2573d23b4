"""The page of inboxes: counts and positions. Nothing in it can be edited; it can be checked and repaired."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from live_inbox import services
from live_inbox.admin.filters import ContentFilter
from live_inbox.admin.pages import ReadOnlyPage
from live_inbox.admin.paging import NewestRows
from live_inbox.admin.rendering import STYLES, user_search
from live_inbox.admin.selection import refuse_too_many
from live_inbox.admin.timeline import timeline
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox

MOST_SHOWN = 20


class InboxAdmin(ReadOnlyPage):
    """One row for each user to whom something ever happened."""

    list_display = ("user", "unread_count", "total_count", "position", "first_sequence")
    list_filter = (ContentFilter,)
    list_select_related = ("user",)
    search_fields = (user_search("user"),)
    ordering = ("-pk",)
    sortable_by = ("user", "unread_count", "total_count")
    paginator = NewestRows
    show_full_result_count = False
    fields = ("user", "unread_count", "total_count", "position", "first_sequence")
    readonly_fields = ("position",)
    actions = ("mark_all_read", "check_rows", "repair")

    class Media:
        css: ClassVar = STYLES

    def has_mark_permission(self, request: HttpRequest) -> bool:
        """Whether notifications may be marked."""
        return request.user.has_perm("live_inbox.change_notification")

    def has_repair_permission(self, request: HttpRequest) -> bool:
        """Whether counts and logs may be put right."""
        return request.user.has_perm("live_inbox.change_inbox")

    @admin.display(description="position")
    def position(self, inbox: Inbox) -> str:
        """The newest event: epoch and sequence."""
        return str(inbox.position)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Inbox | None = None,
    ) -> HttpResponse:
        """Show an inbox; and its newest events to those who may see events, since titles are among them."""
        if obj is not None and request.user.has_perm("live_inbox.view_inboxevent"):
            linked = request.user.has_perm("live_inbox.view_notification")
            context["timeline"] = timeline(obj, linked=linked)
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.action(description="Mark all as read in selected inboxes", permissions=["mark"])
    def mark_all_read(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        """Mark everything in these inboxes as read."""
        if refuse_too_many(self, request, queryset):
            return
        users = queryset.order_by("pk").values_list("pk", flat=True)
        count = sum(services.mark_all_read(user_id=user_id).count for user_id in users)
        self.message_user(request, f"{count} notifications became read.", messages.SUCCESS)

    @admin.action(description="Check selected inboxes", permissions=["view"])
    def check_rows(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        """Compare these inboxes with their rows and tell what is wrong."""
        self._check(request, queryset, fix=False)

    @admin.action(
        description="Repair selected inboxes (their devices reload if something was wrong)",
        permissions=["repair"],
    )
    def repair(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        """Compare these inboxes with their rows and put right what is wrong."""
        self._check(request, queryset, fix=True)

    def _check(self, request: HttpRequest, queryset: QuerySet[Any], *, fix: bool) -> None:
        if refuse_too_many(self, request, queryset):
            return
        users = list(queryset.order_by("pk").values_list("pk", flat=True))
        findings = list(check_inboxes(user_ids=users, fix=fix))
        for finding in findings[:MOST_SHOWN]:
            said = f"{finding}; repaired." if fix else f"{finding}."
            self.message_user(request, said, messages.WARNING)
        if len(findings) > MOST_SHOWN:
            rest = len(findings) - MOST_SHOWN
            self.message_user(request, f"And {rest} more.", messages.WARNING)
        if not findings:
            self.message_user(request, "All selected inboxes are right.", messages.SUCCESS)
