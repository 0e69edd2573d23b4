"""The admin of inboxes: counts and positions. Read-only, with actions to check and repair."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.defaultfilters import pluralize
from django.urls import URLPattern

from live_inbox import services
from live_inbox.admin.base import ONE_ROW, ReadOnlyAdmin
from live_inbox.admin.connections import (
    connected_device,
    connected_devices,
    may_change_users,
    shown_device,
)
from live_inbox.admin.filters import ContentFilter
from live_inbox.admin.paginator import CappedPaginator
from live_inbox.admin.rendering import STYLES, user_search
from live_inbox.admin.selection import refuse_large_selection
from live_inbox.admin.timeline import timeline
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox
from live_inbox.services.access import disconnect, sign_out_everywhere
from live_inbox.services.connection_reports import ask

# Django's type stubs accept only file names here.
_SCRIPT: Any = forms.Script("live_inbox/admin/connections.js", defer=True)

MAX_FINDINGS_SHOWN = 20


class InboxAdmin(ReadOnlyAdmin):
    """Shows one row for each user whose inbox has ever had an event."""

    list_display = ("user", "unread_count", "total_count", "position", "first_sequence")
    list_filter = (ContentFilter,)
    list_select_related = ("user",)
    search_fields = (user_search("user"),)
    ordering = ("-pk",)
    sortable_by = ("user", "unread_count", "total_count")
    paginator = CappedPaginator
    show_full_result_count = False
    fields = (
        "user",
        "unread_count",
        "unseen_count",
        "total_count",
        "archived_count",
        "snoozed_count",
        "position",
        "first_sequence",
    )
    readonly_fields = ("position",)
    actions = ("mark_all_read", "check_rows", "repair")

    class Media:
        css: ClassVar = STYLES

    def get_urls(self) -> list[URLPattern]:
        """Return the pages of Django, and what the page of an inbox calls."""
        views = {
            "connections": self.connections_view,
            "disconnect": self.disconnect_view,
            "sign_out": self.sign_out_view,
        }
        return [*self.own_pages(ONE_ROW, views), *super().get_urls()]

    def connections_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the servers which devices of the user are connected (POST); return the answers so far (GET), as JSON."""
        inbox = self._of_user_to_change(request, object_id)
        if request.method == "POST":
            return JsonResponse({"inquiry": ask(user_id=inbox.pk)})
        return JsonResponse(connected_devices(request.GET.get("inquiry", "")))

    def disconnect_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close the socket of one device, which is named by its id and by the inquiry that has found it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        inbox = self._of_user_to_change(request, object_id)
        device = connected_device(request.POST.get("inquiry", ""), request.POST.get("socket", ""))
        if device is None:
            text = "The device is not known any more. Here is who is connected now."
            self.message_user(request, text, messages.ERROR)
        else:
            disconnect(user_id=inbox.pk, socket_id=device.id)
            self.log_change(request, inbox, f"Disconnected a device: {shown_device(device)}.")
            text = "The device is disconnected. With valid credentials it may connect again."
            self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", inbox.pk))

    def sign_out_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sign the user out everywhere."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        inbox = self._of_user_to_change(request, object_id)
        sign_out_everywhere(user_id=inbox.pk)
        self.log_change(request, inbox, "Signed out everywhere.")
        self.message_user(request, "The user is signed out everywhere.", messages.SUCCESS)
        return HttpResponseRedirect(self.address("change", inbox.pk))

    def _of_user_to_change(self, request: HttpRequest, object_id: str) -> Inbox:
        inbox: Inbox | None = self.get_object(request, object_id)
        if inbox is None:
            raise Http404
        if not (self.has_view_permission(request, inbox) and may_change_users(request)):
            raise PermissionDenied
        return inbox

    def has_mark_permission(self, request: HttpRequest) -> bool:
        """Whether the user may mark notifications as read."""
        return request.user.has_perm("live_inbox.change_notification")

    def has_repair_permission(self, request: HttpRequest) -> bool:
        """Whether the user may repair counts and logs."""
        return request.user.has_perm("live_inbox.change_inbox")

    @admin.display(description="position")
    def position(self, inbox: Inbox) -> str:
        """The epoch and sequence of the newest event."""
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
        """Show an inbox. Its newest events require the permission to view events, because they contain titles."""
        if obj is not None:
            # Not its `__str__`, which would read the user wherever an inbox is logged.
            context["subtitle"] = f"Inbox of {obj.user}"
        if obj is not None and request.user.has_perm("live_inbox.view_inboxevent"):
            linked = request.user.has_perm("live_inbox.view_notification")
            context["timeline"] = timeline(obj, linked=linked)
        if obj is not None and may_change_users(request):
            context["connections_url"] = self.address("connections", obj.pk)
            context["disconnect_url"] = self.address("disconnect", obj.pk)
            context["sign_out_url"] = self.address("sign_out", obj.pk)
            context["media"] += forms.Media(js=[_SCRIPT])
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.action(description="Mark all as read in selected inboxes", permissions=["mark"])
    def mark_all_read(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        """Mark all notifications in these inboxes as read."""
        if refuse_large_selection(self, request, queryset):
            return
        users = queryset.order_by("pk").values_list("pk", flat=True)
        count = sum(services.mark_all_read(user_id=user_id).count for user_id in users)
        self.message_user(
            request, f"Marked {count} notification{pluralize(count)} as read.", messages.SUCCESS
        )

    @admin.action(description="Check selected inboxes", permissions=["view"])
    def check_rows(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        """Compare the counts and logs of these inboxes with their rows and report the differences."""
        self._check(request, queryset, fix=False)

    @admin.action(
        description="Repair selected inboxes (devices reload if a problem is repaired)",
        permissions=["repair"],
    )
    def repair(self, request: HttpRequest, queryset: QuerySet[Inbox]) -> None:
        """Compare the counts and logs of these inboxes with their rows and repair the differences."""
        self._check(request, queryset, fix=True)

    def _check(self, request: HttpRequest, queryset: QuerySet[Any], *, fix: bool) -> None:
        if refuse_large_selection(self, request, queryset):
            return
        users = list(queryset.order_by("pk").values_list("pk", flat=True))
        findings = list(check_inboxes(user_ids=users, fix=fix))
        for finding in findings[:MAX_FINDINGS_SHOWN]:
            text = f"{finding}; repaired." if fix else f"{finding}."
            self.message_user(request, text, messages.WARNING)
        if len(findings) > MAX_FINDINGS_SHOWN:
            rest = len(findings) - MAX_FINDINGS_SHOWN
            self.message_user(request, f"And {rest} more.", messages.WARNING)
        if not findings:
            self.message_user(
                request, "No problems found in the selected inboxes.", messages.SUCCESS
            )
