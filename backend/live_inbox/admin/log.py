"""The page of the log: for looking only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from live_inbox.admin.pages import ReadOnlyPage
from live_inbox.admin.paging import NewestRows
from live_inbox.admin.rendering import as_json, user_search
from live_inbox.models import InboxEvent


class InboxEventAdmin(ReadOnlyPage):
    """What happened in the inboxes, newest first.

    There is no date hierarchy: it would ask for the oldest and newest date, and the log, the largest table by
    far, has no index that tells. Ids grow in time order, so the newest are first all the same.
    """

    list_display = ("occurred", "inbox_user", "sequence", "kind", "notification_id", "unread")
    list_display_links = ("occurred",)
    list_filter = ("kind",)
    list_select_related = ("inbox__user",)
    search_fields = (f"={user_search('inbox__user')}",)
    search_help_text = "A username, in full."
    ordering = ("-pk",)
    sortable_by = ()
    paginator = NewestRows
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

    @admin.display(description="occurred at")
    def occurred(self, event: InboxEvent) -> object:
        """When it happened."""
        return event.created_at

    @admin.display(description="user")
    def inbox_user(self, event: InboxEvent) -> str:
        """Whose inbox."""
        return str(event.inbox.user)

    @admin.display(description="unread after")
    def unread(self, event: InboxEvent) -> object:
        """The unread count right after it."""
        return event.payload.get("unread")

    @admin.display(description="payload")
    def payload_shown(self, event: InboxEvent) -> SafeString:
        """What devices were told."""
        return as_json(event.payload)
