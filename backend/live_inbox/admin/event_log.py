"""The admin of the event log. Read-only."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from live_inbox.admin.base import ReadOnlyAdmin
from live_inbox.admin.paginator import CappedPaginator
from live_inbox.admin.rendering import STYLES, as_json, user_search
from live_inbox.models import InboxEvent


class InboxEventAdmin(ReadOnlyAdmin):
    """Lists the events of all inboxes, newest first.

    There is no date hierarchy: it would query the oldest and newest date, and the log, the largest table by
    far, has no index on the date. Ids grow in time order, so ordering by id shows the newest first.
    """

    list_display = ("occurred", "inbox_user", "sequence", "kind", "notification_id", "unread")
    list_display_links = ("occurred",)
    list_filter = ("kind",)
    list_select_related = ("inbox__user",)
    search_fields = (f"={user_search('inbox__user')}",)
    search_help_text = "A complete username."
    ordering = ("-pk",)
    sortable_by = ()
    paginator = CappedPaginator
    show_full_result_count = False
    fields = (
        "inbox_user",
        "sequence",
        "kind",
        "notification_id",
        "created_at",
        "payload_shown",
    )
    readonly_fields = ("inbox_user", "payload_shown")

    class Media:
        css: ClassVar = STYLES

    @admin.display(description="occurred at")
    def occurred(self, event: InboxEvent) -> object:
        """The time of the event."""
        return event.created_at

    @admin.display(description="user")
    def inbox_user(self, event: InboxEvent) -> str:
        """The user whose inbox it is."""
        return str(event.inbox.user)

    @admin.display(description="unread after")
    def unread(self, event: InboxEvent) -> object:
        """The unread count after the event."""
        return event.payload.get("unread")

    @admin.display(description="payload")
    def payload_shown(self, event: InboxEvent) -> SafeString:
        """The payload that devices received."""
        return as_json(event.payload)
